//! Configuration: layers of settings read into one immutable snapshot, the one table of keys, and
//! the one file that the node writes (`etc/local.toml`). What a setting does to the node does not
//! belong here; nor does hashing: admins' passwords pass through as they are written.
//!
//! Later layers win: defaults, `etc/refuge.toml`, `--config` files in their order,
//! `etc/local.toml`, what was set for this run alone, environment (`REFUGE_<SECTION>__<KEY>`), `--set section.key=value`.

mod admins;
pub mod couchdb;
mod error;
mod key;
mod layers;
mod layout;
mod local;
mod nearest;
mod over_http;
mod reference;
mod settings;
mod value;
mod view;
mod whole;

pub use error::{ConfigurationError, Place, WriteError};
pub use key::Key;
pub use layers::{Sources, Unpersisted, load, load_with};
pub use layout::Layout;
pub use local::{LocalSetting, remove_local, write_local};
pub use over_http::{Danger, OverHttp};
pub use reference::reference;
pub use settings::{
    Attachments, Authentication, Cors, Databases, Feeds, Http, Hub, KEYS, Limits, Log, Mesh,
    Metrics, Replicator, Settings, Ssl, Storage, Tokens, UserDatabases, Uuids,
};
pub use value::{Bound, Expected, LogLevel, Secret};
pub use view::{HIDDEN, SectionsOfValues, is_secret, value, view};
