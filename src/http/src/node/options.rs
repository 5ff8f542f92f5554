//! What may be set for a database beside CouchDB's settings.

use serde::{Deserialize, Serialize};

/// The options of a database, as clients see them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseOptions {
    /// Whether its documents may have `_expires`.
    pub ttl: bool,
    /// After how many days tombstones are purged; 0 is never, `None` is as the node does.
    pub tombstone_days: Option<f64>,
}
