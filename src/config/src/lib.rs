//! Configuration: layers of settings read into one immutable snapshot, the one table of keys, and
//! the one file that the node writes (`etc/local.toml`). What a setting does to the node does not
//! belong here; nor does hashing: admins' passwords pass through as they are written.
//!
//! Later layers win: defaults, `etc/refuge.toml`, `--config` files in their order,
//! `etc/local.toml`, environment (`REFUGE_<SECTION>__<KEY>`), `--set section.key=value`.

mod admins;
mod error;
mod layers;
mod layout;
mod local;
mod nearest;
mod reference;
mod settings;
mod value;

pub use error::{ConfigurationError, Place, WriteError};
pub use layers::{Sources, load};
pub use layout::Layout;
pub use local::{LocalSetting, write_local};
pub use reference::reference;
pub use settings::{Authentication, Databases, Http, KEYS, Key, Log, Settings, Storage};
pub use value::{Expected, LogLevel};
