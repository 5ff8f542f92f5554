//! What is asked of the settings that is no key's value by itself.

use super::{Log, Settings, TOKEN_KEYS, VIRTUAL_HOSTS};
use crate::error::Place;
use crate::value::LogLevel;

impl Log {
    /// Whether all is to be logged of something, which releases leave out.
    pub fn wants_trace(&self) -> bool {
        self.level == LogLevel::Trace || self.modules.contains("=trace")
    }

    /// Level and modules in one text: `info,refuge_http=debug`.
    pub fn filter(&self) -> String {
        match self.modules.trim() {
            "" => self.level.to_string(),
            modules => format!("{},{modules}", self.level),
        }
    }
}

impl Settings {
    /// The version that the node tells of itself.
    pub fn version(&self) -> &str {
        self.version.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"))
    }

    /// Where the value of a key was written last; `None` when it is the default. Admins are found
    /// under section `admins` and their name.
    pub fn origin(&self, section: &str, name: &str) -> Option<&Place> {
        self.origins.get(&(section.to_owned(), name.to_owned()))
    }

    /// CouchDB's section `vhosts`: patterns of hosts with the paths to which they lead.
    pub fn virtual_hosts(&self) -> impl Iterator<Item = (&str, &str)> {
        let kept = self.kept.iter().filter(|((section, _), _)| section == VIRTUAL_HOSTS);
        kept.map(|((_, host), path)| (host.as_str(), path.as_str()))
    }

    /// A key of CouchDB's section `jwt_keys`, by its name: `KIND:ID`.
    pub fn token_key(&self, name: &str) -> Option<&str> {
        // The map's keys are pairs of owned text.
        self.kept.get(&(TOKEN_KEYS.to_owned(), name.to_owned())).map(String::as_str)
    }
}
