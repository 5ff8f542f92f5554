//! The configuration as HTTP sees it: sections of names with values that are text.

use std::collections::BTreeMap;

/// Sections of names with values.
pub type ConfigurationSections = BTreeMap<String, BTreeMap<String, String>>;

/// A change of one value. There is no `Debug`: the value may be a password.
pub struct ConfigurationChange {
    /// The section, by our name or CouchDB's.
    pub section: String,
    /// The name within it.
    pub name: String,
    /// The new value; none to go back to what is set elsewhere, or to the default.
    pub value: Option<String>,
    /// Whether the node's next start is to know it.
    pub persist: bool,
}
