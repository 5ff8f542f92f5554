//! One key of the configuration: how it is found, read into the settings and shown. Which keys there
//! are stands in `settings`.

use crate::over_http::OverHttp;
use crate::settings::{KEYS, Settings};
use crate::value::{Expected, Given};

/// One key of the configuration.
pub struct Key {
    /// Section, as in `[section]`.
    pub section: &'static str,
    /// Name within the section.
    pub name: &'static str,
    /// What it takes.
    pub expected: Expected,
    /// Whether it may be set over HTTP.
    pub over_http: OverHttp,
    /// What it is for and why its default is what it is, in one line.
    pub why: &'static str,
    pub(crate) default: fn() -> toml_edit::Value,
    pub(crate) apply: fn(&mut Settings, &Given, Expected) -> bool,
    pub(crate) show: fn(&Settings) -> toml_edit::Value,
}

impl Key {
    /// Its default as it would be written in a file.
    pub fn default_text(&self) -> String {
        (self.default)().to_string().trim().to_owned()
    }

    /// Its value in `settings`, as it would be written in a file.
    pub fn value_text(&self, settings: &Settings) -> String {
        (self.show)(settings).to_string().trim().to_owned()
    }

    /// Its value in `settings` as CouchDB's `_config` shows values: text without quotes.
    pub fn plain_text(&self, settings: &Settings) -> String {
        let value = (self.show)(settings);
        match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.to_string().trim().to_owned(),
        }
    }

    /// `section.name`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// Finds a key.
    pub(crate) fn find(section: &str, name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.section == section && key.name == name)
    }

    /// Puts a value into `settings`; false when it is not what is expected.
    pub(crate) fn apply(&self, settings: &mut Settings, given: &Given) -> bool {
        (self.apply)(settings, given, self.expected)
    }

    /// The value that a file would hold for `text`; none when it is not what is expected.
    pub(crate) fn to_toml(&self, text: &str) -> Option<toml_edit::Value> {
        let mut scratch = Settings::default();
        let given = Given::Loose(text.to_owned());
        self.apply(&mut scratch, &given).then(|| (self.show)(&scratch))
    }
}
