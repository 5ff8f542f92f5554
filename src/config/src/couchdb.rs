//! CouchDB's names: which key of ours stands behind a name of CouchDB's, and what a name without one
//! means here. The names themselves stand in `couchdb/aliases`, `couchdb/without_effect` and
//! `couchdb/forbidden`. Source: the CouchDB 3.5 documentation, "Configuration".

mod aliases;
mod forbidden;
mod without_effect;

use crate::key::Key;
use crate::nearest::nearest;
use crate::over_http::{Danger, OverHttp};
use crate::settings::KEYS;

pub use aliases::ALIASES;
pub use forbidden::FORBIDDEN;
pub use without_effect::WITHOUT_EFFECT;

/// A name of CouchDB's for a key of ours.
pub struct Alias {
    /// CouchDB's section.
    pub section: &'static str,
    /// CouchDB's name within it.
    pub name: &'static str,
    /// Our section and name.
    pub ours: (&'static str, &'static str),
}

/// Names of CouchDB's that nobody may set over HTTP, as in CouchDB or because of what they name.
pub struct ForbiddenNames {
    /// Why.
    pub danger: Danger,
    /// Sections with their names; `*` is every name.
    pub names: &'static [(&'static str, &'static [&'static str])],
}

/// Names of CouchDB's that are taken, kept and shown, and change nothing.
pub struct NamesWithoutEffect {
    /// Why they change nothing, in one sentence.
    pub why: &'static str,
    /// Sections with their names; `*` is every name.
    pub names: &'static [(&'static str, &'static [&'static str])],
}

/// What a section and a name stand for.
#[derive(Clone, Copy)]
pub enum Meaning {
    /// A key of ours, by its own name or by CouchDB's.
    Ours(&'static Key),
    /// An admin.
    Admin,
    /// Something that is kept for whoever asks for it.
    Kept,
    /// Something that nobody may set over HTTP.
    Forbidden(Danger),
    /// Nothing: the section is ours alone, and it has no such key.
    Unknown,
}

/// Finds out what a section and a name stand for. Sections that CouchDB has take any name, as there;
/// those that are ours alone take their keys only.
pub fn meaning(section: &str, name: &str) -> Meaning {
    if section == "admins" {
        return Meaning::Admin;
    }
    if let Some(key) = Key::find(section, name).or_else(|| alias(section, name)) {
        return Meaning::Ours(key);
    }
    if let Some(found) = FORBIDDEN.iter().find(|one| holds(one.names, section, name)) {
        return Meaning::Forbidden(found.danger);
    }
    if is_ours_alone(section) { Meaning::Unknown } else { Meaning::Kept }
}

/// Why nobody may set this over HTTP, and where it is set instead; none where a server admin may.
pub fn refusal(section: &str, name: &str) -> Option<String> {
    match meaning(section, name) {
        Meaning::Ours(Key { over_http: OverHttp::Forbidden(danger), section, name, .. }) => {
            Some(format!(
                "{section}/{name} cannot be set over HTTP: {danger}. Set it in etc/refuge.toml on \
                 the node itself and start the node anew."
            ))
        }
        Meaning::Forbidden(danger) => {
            Some(format!("{section}/{name} cannot be set over HTTP: {danger}."))
        }
        Meaning::Ours(_) | Meaning::Admin | Meaning::Kept | Meaning::Unknown => None,
    }
}

/// What is said of a name that is not there in a section of ours.
pub fn unknown(section: &str, name: &str) -> String {
    format!(
        "there is no setting \"{section}.{name}\"; the nearest is \"{}\"",
        nearest(section, name)
    )
}

fn alias(section: &str, name: &str) -> Option<&'static Key> {
    let found = ALIASES.iter().find(|one| one.section == section && one.name == name)?;
    Key::find(found.ours.0, found.ours.1)
}

fn holds(names: &[(&str, &[&str])], section: &str, name: &str) -> bool {
    names.iter().any(|(one, listed)| {
        *one == section && listed.iter().any(|listed| *listed == "*" || *listed == name)
    })
}

fn is_ours_alone(section: &str) -> bool {
    let has = |names: &[(&str, &[&str])]| names.iter().any(|(one, _)| *one == section);
    let couchdb_has = ALIASES.iter().any(|one| one.section == section)
        || WITHOUT_EFFECT.iter().any(|one| has(one.names))
        || FORBIDDEN.iter().any(|one| has(one.names));
    section == crate::layers::KEPT
        || (!couchdb_has && KEYS.iter().any(|key| key.section == section))
}

#[cfg(test)]
mod tests;
