//! The settings as CouchDB's `_config` shows them: sections of names with values that are text, each key
//! under our name and under CouchDB's. Setting them does not belong here.

use std::collections::BTreeMap;

use crate::couchdb::{ALIASES, Meaning, meaning};
use crate::key::Key;
use crate::settings::{KEYS, Settings, TOKEN_KEYS};
use crate::value::Expected;

/// Sections of names with values.
pub type SectionsOfValues = BTreeMap<String, BTreeMap<String, String>>;

/// What is shown of a secret, and of a password that somebody wrote in clear into a file or the
/// environment.
pub const HIDDEN: &str = "****";

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
        show(key.section, key.name, shown_key(key, settings));
    }
    for alias in ALIASES {
        if let Some(key) = Key::find(alias.ours.0, alias.ours.1) {
            show(alias.section, alias.name, shown_key(key, settings));
        }
    }
    for ((section, name), value) in &settings.kept {
        if matches!(meaning(section, name), Meaning::Kept) {
            show(section, name, shown_kept(section, name, value));
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
        Meaning::Ours(key) => shown_key(key, settings),
        Meaning::Admin => shown_password(settings.admins.get(name)?, is_hash),
        Meaning::Kept => {
            let kept = settings.kept.get(&(section.to_owned(), name.to_owned()))?;
            shown_kept(section, name, kept)
        }
        Meaning::Forbidden(_) | Meaning::Unknown => return None,
    };
    Some(value).filter(|value| !value.is_empty())
}

/// Whether nobody is shown what this is set to.
#[must_use]
pub fn is_secret(section: &str, name: &str) -> bool {
    match meaning(section, name) {
        Meaning::Ours(key) => matches!(key.expected, Expected::Secret { .. }),
        Meaning::Kept => is_secret_key(section, name),
        Meaning::Admin | Meaning::Forbidden(_) | Meaning::Unknown => false,
    }
}

/// Whether it is a key that tokens are signed with, and not only checked.
fn is_secret_key(section: &str, name: &str) -> bool {
    section == TOKEN_KEYS && !["rsa:", "ec:"].iter().any(|kind| name.starts_with(kind))
}

fn shown_key(key: &Key, settings: &Settings) -> String {
    let text = key.plain_text(settings);
    let secret = matches!(key.expected, Expected::Secret { .. }) && !text.is_empty();
    if secret { HIDDEN.to_owned() } else { text }
}

fn shown_kept(section: &str, name: &str, value: &str) -> String {
    if is_secret_key(section, name) { HIDDEN.to_owned() } else { value.to_owned() }
}

fn shown_password(password: &str, is_hash: fn(&str) -> bool) -> String {
    if is_hash(password) { password.to_owned() } else { HIDDEN.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Given;

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

    #[test]
    fn secrets_are_shown_by_no_name() {
        let mut settings = Settings::default();
        let secret = Given::Loose("a long secret".to_owned());
        let key = Key::find("authentication", "secret").expect("there");
        assert!(key.apply(&mut settings, &secret));
        for (name, text) in [("hmac:_default", "c2VjcmV0"), ("rsa:one", "-----BEGIN")] {
            settings.kept.insert((TOKEN_KEYS.to_owned(), name.to_owned()), text.to_owned());
        }
        let shown = view(&settings, |_| false);
        for section in ["authentication", "chttpd_auth", "couch_httpd_auth"] {
            assert_eq!(shown[section]["secret"], HIDDEN, "{section}");
            assert!(is_secret(section, "secret"), "{section}");
        }
        assert_eq!(shown[TOKEN_KEYS]["hmac:_default"], HIDDEN);
        assert_eq!(shown[TOKEN_KEYS]["rsa:one"], "-----BEGIN");
        assert!(!format!("{settings:?}").contains("a long secret"));
        assert_eq!(settings.token_key("hmac:_default"), Some("c2VjcmV0"));
    }
}
