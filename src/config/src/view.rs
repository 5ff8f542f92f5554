//! The settings as CouchDB's `_config` shows them: sections of names with values that are text, each key
//! under our name and under CouchDB's. Setting them does not belong here.

use std::collections::BTreeMap;

use crate::couchdb::{ALIASES, Meaning, meaning};
use crate::key::Key;
use crate::settings::{KEYS, Settings};

/// Sections of names with values.
pub type SectionsOfValues = BTreeMap<String, BTreeMap<String, String>>;

/// What is shown of a password that somebody wrote in clear into a file or the environment.
const HIDDEN: &str = "****";

/// Everything there is.
#[must_use]
pub fn view(settings: &Settings, is_hash: fn(&str) -> bool) -> SectionsOfValues {
    let mut shown = SectionsOfValues::new();
    let mut show = |section: &str, name: &str, value: String| {
        // An empty value is none at all, as in CouchDB's files.
        if !value.is_empty() {
            shown.entry(section.to_owned()).or_default().insert(name.to_owned(), value);
        }
    };
    for key in KEYS {
        show(key.section, key.name, key.plain_text(settings));
    }
    for alias in ALIASES {
        if let Some(key) = Key::find(alias.ours.0, alias.ours.1) {
            show(alias.section, alias.name, key.plain_text(settings));
        }
    }
    for ((section, name), value) in &settings.kept {
        if matches!(meaning(section, name), Meaning::Kept) {
            show(section, name, value.clone());
        }
    }
    for (name, password) in &settings.admins {
        show("admins", name, shown_password(password, is_hash));
    }
    shown
}

/// One value, by our name or CouchDB's; none where nothing is set.
#[must_use]
pub fn value(
    settings: &Settings,
    section: &str,
    name: &str,
    is_hash: fn(&str) -> bool,
) -> Option<String> {
    let value = match meaning(section, name) {
        Meaning::Ours(key) => key.plain_text(settings),
        Meaning::Admin => shown_password(settings.admins.get(name)?, is_hash),
        Meaning::Kept => settings.kept.get(&(section.to_owned(), name.to_owned()))?.clone(),
        Meaning::Forbidden(_) | Meaning::Unknown => return None,
    };
    Some(value).filter(|value| !value.is_empty())
}

fn shown_password(password: &str, is_hash: fn(&str) -> bool) -> String {
    if is_hash(password) { password.to_owned() } else { HIDDEN.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_shown_by_all_its_names_and_clear_passwords_by_none() {
        let mut settings = Settings::default();
        settings.admins.insert("anna".to_owned(), "in clear".to_owned());
        settings.admins.insert("bert".to_owned(), "-pbkdf2-x".to_owned());
        settings.kept.insert(("smoosh".to_owned(), "x".to_owned()), "1".to_owned());
        let is_hash = |text: &str| text.starts_with("-pbkdf2");
        let shown = view(&settings, is_hash);
        assert_eq!(shown["limits"]["max_document_size"], "8000000");
        assert_eq!(shown["couchdb"]["max_document_size"], "8000000");
        assert_eq!(shown["couchdb"]["max_attachment_size"], "infinity");
        assert_eq!(shown["chttpd"]["require_valid_user"], "false");
        assert_eq!(shown["log"]["level"], "info");
        assert_eq!(shown["smoosh"]["x"], "1");
        assert!(!shown["cors"].contains_key("origins"), "an empty value is none");
        assert_eq!(shown["admins"]["anna"], HIDDEN);
        assert_eq!(shown["admins"]["bert"], "-pbkdf2-x");
        for (section, names) in &shown {
            for (name, text) in names {
                assert_eq!(value(&settings, section, name, is_hash).as_ref(), Some(text));
            }
        }
        assert_eq!(value(&settings, "httpd", "WWW-Authenticate", is_hash), None);
    }
}
