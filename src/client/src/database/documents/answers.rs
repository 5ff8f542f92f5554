//! What answers to `_bulk_get` and `open_revs` bring: documents as they came, and what is to be asked for
//! otherwise.

use std::collections::BTreeMap;

use bytes::Bytes;
use refuge_document::json;
use refuge_replication::{DocumentsPage, EndFailure, Wanted, is_restricted};

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
        let is_restricted = is_restricted(&document);
        match way_of(&document, &wanted.possible_ancestors)? {
            Way::AsItIs => self.page.documents.push(document),
            Way::Inline { revision, bytes } => self.inline.push((again(revision), bytes)),
            Way::Carried { revision } => self.page.carried.push(again(revision)),
        }
        if is_restricted {
            self.page.restricted.push(wanted.id.clone());
        }
        Ok(())
    }
}

/// What has come of an answer to `_bulk_get`.
pub(super) struct Reading<'a> {
    wanted: &'a [Wanted],
    /// Results seen of each id, and revisions asked for; peers send a result a revision, or a document.
    seen: BTreeMap<&'a str, (usize, usize)>,
    attachments: Attachments,
    found: Found,
    bytes: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn new(wanted: &'a [Wanted], attachments: Attachments) -> Self {
        let mut seen: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for wanted in wanted {
            seen.entry(&wanted.id).or_default().1 += wanted.revisions.len();
        }
        Self { wanted, seen, attachments, found: Found::default(), bytes: 0 }
    }

    /// Takes one result; tells whether it is enough and the rest is better asked for again.
    pub(super) fn take(&mut self, element: &Bytes, limit_bytes: usize) -> Result<bool, EndFailure> {
        let bad = |error: String| unreadable("_bulk_get", error);
        let (id, outcomes) = result_parts(element).map_err(bad)?;
        let Some((seen, revisions)) = self.seen.get_mut(id.as_str()) else {
            return Err(bad(format!("a document that was not asked for: {id}")));
        };
        *seen += 1;
        let whole = *seen >= *revisions;
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
        Ok(whole && self.bytes > limit_bytes.saturating_mul(2))
    }

    /// Whether a document came by now.
    pub(super) fn has_documents(&self) -> bool {
        let Found { page, inline } = &self.found;
        !(page.documents.is_empty() && page.carried.is_empty() && inline.is_empty())
    }

    /// The page when reading was stopped, anywhere: documents of which not all results were seen remain
    /// as a whole.
    pub(super) fn broken_off(mut self) -> Found {
        let unseen = |wanted: &&Wanted| {
            let seen = self.seen.get(wanted.id.as_str());
            seen.is_some_and(|(seen, revisions)| *seen == 0 || seen < revisions)
        };
        self.found.page.remaining = self.wanted.iter().filter(unseen).cloned().collect();
        self.found
    }

    /// The page when the answer came to its end: everything must have been in it, or the checkpoint
    /// would pass over what was not.
    pub(super) fn complete(self) -> Result<Found, EndFailure> {
        match self.seen.iter().find(|(_, (seen, _))| *seen == 0) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(id: &str, revisions: &[&str]) -> Wanted {
        Wanted {
            id: id.to_owned(),
            revisions: revisions.iter().map(|revision| revision.parse().unwrap()).collect(),
            possible_ancestors: Vec::new(),
        }
    }

    /// An answer that is cut behind these results.
    fn cut(wanted: &[Wanted], attachments: Attachments, results: &[&str]) -> Vec<Wanted> {
        let mut reading = Reading::new(wanted, attachments);
        for result in results {
            let result = format!(r#"{{"id":"{result}","docs":[{{"ok":{{"_id":"{result}"}}}}]}}"#);
            assert!(!reading.take(&Bytes::from(result), 1_000_000).unwrap());
        }
        assert_eq!(reading.has_documents(), !results.is_empty());
        reading.broken_off().page.remaining
    }

    #[test]
    fn a_document_whose_leaves_did_not_all_come_is_asked_for_again() {
        let all = [wanted("a", &["1-a"]), wanted("b", &["1-a", "1-b"]), wanted("c", &["1-c"])];
        assert_eq!(cut(&all, Attachments::Stubs, &["a", "b"]), all[1..]);
        assert_eq!(cut(&all, Attachments::Stubs, &["a", "b", "b"]), all[2..]);
        assert_eq!(cut(&all, Attachments::Stubs, &[]), all);
        let apart = [wanted("b", &["1-a"]), wanted("b", &["1-b"])];
        assert_eq!(cut(&apart, Attachments::Inline, &["b"]), apart);
        assert_eq!(cut(&apart, Attachments::Inline, &["b", "b"]), []);
    }

    #[test]
    fn what_is_gone_is_no_document_that_came() {
        let all = [wanted("a", &["1-a"])];
        let mut reading = Reading::new(&all, Attachments::Stubs);
        let gone = br#"{"id":"a","docs":[{"error":{"id":"a","error":"not_found"}}]}"#;
        reading.take(&Bytes::from_static(gone), 1_000_000).unwrap();
        assert!(!reading.has_documents());
    }
}
