//! What answers to `_bulk_get` and `open_revs` bring: documents as they came, and what is to be asked for
//! otherwise.

use std::collections::BTreeMap;

use bytes::Bytes;
use refuge_document::json;
use refuge_replication::{DocumentsPage, EndFailure, Wanted};

use super::super::attached::{Way, way_of};
use super::Attachments;
use crate::failure::unreadable;

/// What was found: a page, and what is to be asked for again with attachments of so many bytes.
#[derive(Default)]
pub(super) struct Found {
    pub(super) page: DocumentsPage,
    pub(super) inline: Vec<(Wanted, u64)>,
}

impl Found {
    /// Takes a document that came with stubs.
    pub(super) fn take(&mut self, document: Bytes, wanted: &Wanted) -> Result<(), String> {
        let again = |revision| Wanted { revisions: vec![revision], ..wanted.clone() };
        match way_of(&document, &wanted.possible_ancestors)? {
            Way::AsItIs => self.page.documents.push(document),
            Way::Inline { revision, bytes } => self.inline.push((again(revision), bytes)),
            Way::Carried { revision } => self.page.carried.push(again(revision)),
        }
        Ok(())
    }
}

/// What has come of an answer to `_bulk_get`.
pub(super) struct Reading<'a> {
    wanted: &'a [Wanted],
    /// Results seen of each id; peers send one a revision, or one a document.
    seen: BTreeMap<&'a str, usize>,
    attachments: Attachments,
    found: Found,
    bytes: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn new(wanted: &'a [Wanted], attachments: Attachments) -> Self {
        let ids = wanted.iter().map(|wanted| (wanted.id.as_str(), 0));
        Self { wanted, seen: ids.collect(), attachments, found: Found::default(), bytes: 0 }
    }

    /// Takes one result; tells whether it is enough and the rest is better asked for again.
    pub(super) fn take(&mut self, element: &Bytes, limit_bytes: usize) -> Result<bool, EndFailure> {
        let bad = |error: String| unreadable("_bulk_get", error);
        let (id, outcomes) = result_parts(element).map_err(bad)?;
        let Some(seen) = self.seen.get_mut(id.as_str()) else {
            return Err(bad(format!("a document that was not asked for: {id}")));
        };
        *seen += 1;
        let seen = *seen;
        self.bytes += element.len();
        let asked = self.wanted.iter().find(|wanted| wanted.id == id);
        let documents = read_outcomes(element, outcomes, &mut self.found.page.gone).map_err(bad)?;
        for document in documents {
            match (self.attachments, asked) {
                (Attachments::Stubs, Some(wanted)) => {
                    self.found.take(document, wanted).map_err(bad)?;
                }
                _ => self.found.page.documents.push(document),
            }
        }
        let whole = asked.is_none_or(|wanted| seen >= wanted.revisions.len());
        Ok(whole && self.bytes > limit_bytes.saturating_mul(2))
    }

    /// Whether anything came by now.
    pub(super) fn has_documents(&self) -> bool {
        self.bytes > 0
    }

    /// The page when reading was stopped: what was not seen remains.
    pub(super) fn broken_off(mut self) -> Found {
        let unseen = |wanted: &&Wanted| self.seen.get(wanted.id.as_str()) == Some(&0);
        self.found.page.remaining = self.wanted.iter().filter(unseen).cloned().collect();
        self.found
    }

    /// The page when the answer came to its end: everything must have been in it, or the checkpoint
    /// would pass over what was not.
    pub(super) fn complete(self) -> Result<Found, EndFailure> {
        match self.seen.iter().find(|(_, seen)| **seen == 0) {
            Some((id, _)) => Err(unreadable("_bulk_get", format!("{id} is not in it"))),
            None => Ok(self.found),
        }
    }
}

/// `id` and `docs` of one result.
fn result_parts(element: &[u8]) -> Result<(String, &[u8]), String> {
    let (mut id, mut outcomes) = (None, None);
    for member in json::members(element).map_err(|error| error.to_string())? {
        let (name, value) = member.map_err(|error| error.to_string())?;
        match &*name {
            "id" => id = json::string(value).map(std::borrow::Cow::into_owned),
            "docs" => outcomes = Some(value),
            _ => {}
        }
    }
    match (id, outcomes) {
        (Some(id), Some(outcomes)) => Ok((id, outcomes)),
        _ => Err("a result without id or docs".to_owned()),
    }
}

/// `[{"ok": document}, {"missing": revision}, {"error": {…}}, …]`; `outcomes` is a part of `whole`,
/// which the documents then share. Revisions that are no longer there are counted.
pub(super) fn read_outcomes(
    whole: &Bytes,
    outcomes: &[u8],
    gone: &mut u64,
) -> Result<Vec<Bytes>, String> {
    let mut documents = Vec::new();
    for outcome in json::elements(outcomes).map_err(|error| error.to_string())? {
        let outcome = outcome.map_err(|error| error.to_string())?;
        for member in json::members(outcome).map_err(|error| error.to_string())? {
            let (name, value) = member.map_err(|error| error.to_string())?;
            match &*name {
                "ok" => documents.push(whole.slice_ref(value)),
                "missing" => *gone += 1,
                "error" if is_gone(value) => *gone += 1,
                "error" => return Err(format!("an error: {}", String::from_utf8_lossy(value))),
                _ => {}
            }
        }
    }
    Ok(documents)
}

/// Whether the error says that the revision is no longer there.
fn is_gone(error: &[u8]) -> bool {
    let Ok(members) = json::members(error) else {
        return false;
    };
    members
        .flatten()
        .any(|(name, value)| name == "error" && json::string(value).as_deref() == Some("not_found"))
}
