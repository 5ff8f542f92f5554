//! The tables agree with each other and with the keys; whoever is forbidden stays so by every name.

use super::*;

/// What may be set over HTTP, by our names and by CouchDB's: a new key has to say so, and whoever lets
/// one in sees it here.
const SETTABLE_SECTIONS: &[&str] = &[
    "http",
    "cors",
    "limits",
    "uuids",
    "feeds",
    "storage",
    "databases",
    "views",
    "attachments",
    "purge",
    "replicator",
    "mesh",
    "authentication",
    "tokens",
    "lockout",
    "user_databases",
    "content_security",
    "log",
];

#[test]
fn every_name_of_couchdb_leads_to_a_key() {
    for alias in ALIASES {
        let key = Key::find(alias.ours.0, alias.ours.1);
        assert!(key.is_some(), "{}/{} leads nowhere", alias.section, alias.name);
        assert!(
            matches!(meaning(alias.section, alias.name), Meaning::Ours(found) if found.path() == key.unwrap().path())
        );
    }
}

#[test]
fn no_name_is_listed_twice() {
    let mut seen = std::collections::BTreeSet::new();
    let aliases = ALIASES.iter().map(|alias| (alias.section, alias.name));
    let without_effect = WITHOUT_EFFECT.iter().flat_map(|one| listed(one.names));
    for (section, name) in aliases.chain(without_effect) {
        assert!(seen.insert((section, name)), "{section}/{name} is listed twice");
        let forbidden = name != "*" && FORBIDDEN.iter().any(|one| holds(one.names, section, name));
        assert!(!forbidden, "{section}/{name} is both forbidden and allowed");
    }
}

fn listed(
    names: &'static [(&'static str, &'static [&'static str])],
) -> impl Iterator<Item = (&'static str, &'static str)> {
    names.iter().flat_map(|(section, names)| names.iter().map(move |name| (*section, *name)))
}

#[test]
fn what_names_a_listener_a_path_or_a_program_is_not_set_over_http() {
    for key in KEYS {
        let refused = refusal(key.section, key.name);
        assert_eq!(refused.is_some(), key.over_http != OverHttp::Settable, "{}", key.path());
        assert!(refused.is_some() || SETTABLE_SECTIONS.contains(&key.section), "{}", key.path());
        let dangerous = ["bind", "port", "path", "file", "dir", "command", "program", "hook"];
        if dangerous.iter().any(|word| key.name.split('_').any(|part| part == *word)) {
            assert!(refused.is_some(), "{} sounds as if it must not be set over HTTP", key.path());
        }
    }
    for alias in ALIASES {
        let ours = refusal(alias.ours.0, alias.ours.1);
        assert_eq!(refusal(alias.section, alias.name), ours, "{}/{}", alias.section, alias.name);
    }
    for (section, name) in FORBIDDEN.iter().flat_map(|one| listed(one.names)) {
        assert!(refusal(section, name).is_some(), "{section}/{name}");
    }
}

#[test]
fn couchdbs_own_list_of_closed_sections_is_closed_here() {
    for section in [
        "daemons",
        "external",
        "httpd_design_handlers",
        "httpd_db_handlers",
        "httpd_global_handlers",
        "native_query_servers",
        "os_daemons",
        "query_servers",
        "feature_flags",
    ] {
        assert!(refusal(section, "anything").is_some(), "{section}");
    }
}

#[test]
fn sections_of_couchdb_take_any_name_and_ours_only_theirs() {
    for (section, name) in [
        ("chttpd", "new"),
        ("my_plugin", "x"),
        ("log", "max_message_size"),
        ("vhosts", "*.example.org"),
    ] {
        assert!(matches!(meaning(section, name), Meaning::Kept), "{section}/{name}");
    }
    for (section, name) in [("http", "prot"), ("limits", "x"), ("kept", "x"), ("storage", "x")] {
        assert!(matches!(meaning(section, name), Meaning::Unknown), "{section}/{name}");
    }
    assert!(unknown("http", "prot").ends_with("\"http.port\""));
    assert!(matches!(meaning("admins", "anna"), Meaning::Admin));
}

#[test]
fn every_reason_is_a_short_clause() {
    for one in WITHOUT_EFFECT {
        assert!(!one.why.ends_with('.') && one.why.len() < 100, "{}", one.why);
    }
}
