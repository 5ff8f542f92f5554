//! What answers to `_bulk_get` and `open_revs` bring: documents as they came, and what is to be asked for
//! otherwise.

use std::collections::BTreeMap;

use bytes::Bytes;
use refuge_document::{Revision, json};
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
        let way = way_of(&document, &wanted.possible_ancestors)?;
        if let Way::Inline { revision, .. } | Way::Carried { revision } = &way
            && is_restricted(&document)
        {
            self.page.restricted.push((wanted.id.clone(), revision.clone()));
        }
        match way {
            Way::AsItIs => self.page.documents.push(document),
            Way::Inline { revision, bytes } => self.inline.push((again(revision), bytes)),
            Way::Carried { revision } => self.page.carried.push(again(revision)),
        }
        Ok(())
    }

    /// Takes what else was found.
    fn append(&mut self, other: &mut Self) {
        self.page.documents.append(&mut other.page.documents);
        self.page.carried.append(&mut other.page.carried);
        self.page.restricted.append(&mut other.page.restricted);
        self.page.gone += std::mem::take(&mut other.page.gone);
        self.inline.append(&mut other.inline);
    }
}

/// What came of an id, held back until all of it did: its leaves are stored, or asked for again, together.
#[derive(Default)]
struct OfId<'a> {
    /// Results seen, and revisions asked for; peers send a result a revision, or a document.
    seen: usize,
    revisions: usize,
    /// Those of which nothing came.
    unanswered: Vec<&'a Revision>,
    held: Found,
}

impl OfId<'_> {
    /// One more result. What it holds of the very revisions that were asked for tells of peers that send one a
    /// document; whatever descends from one does not, since more may.
    fn saw(&mut self, outcomes: &[u8]) {
        self.seen += 1;
        if self.seen < self.revisions {
            for revision in revisions_in(outcomes) {
                self.unanswered.retain(|unanswered| **unanswered != revision);
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.seen > 0 && (self.seen >= self.revisions || self.unanswered.is_empty())
    }
}

/// What has come of an answer to `_bulk_get`.
pub(super) struct Reading<'a> {
    wanted: &'a [Wanted],
    of_ids: BTreeMap<&'a str, OfId<'a>>,
    attachments: Attachments,
    /// Of ids of which all came.
    found: Found,
    bytes: usize,
}

impl<'a> Reading<'a> {
    pub(super) fn new(wanted: &'a [Wanted], attachments: Attachments) -> Self {
        let mut of_ids: BTreeMap<&str, OfId> = BTreeMap::new();
        for wanted in wanted {
            let of_id = of_ids.entry(&wanted.id).or_default();
            of_id.revisions += wanted.revisions.len();
            of_id.unanswered.extend(&wanted.revisions);
        }
        Self { wanted, of_ids, attachments, found: Found::default(), bytes: 0 }
    }

    /// Takes one result; tells whether it is enough and the rest is better asked for again.
    pub(super) fn take(&mut self, element: &Bytes, limit_bytes: usize) -> Result<bool, EndFailure> {
        let bad = |error: String| unreadable("_bulk_get", error);
        let (id, outcomes) = result_parts(element).map_err(bad)?;
        let Some(of_id) = self.of_ids.get_mut(id.as_str()) else {
            return Err(bad(format!("a document that was not asked for: {id}")));
        };
        of_id.saw(outcomes);
        self.bytes += element.len();
        let asked = self.wanted.iter().find(|wanted| wanted.id == id);
        let documents = read_outcomes(element, outcomes, &mut of_id.held.page.gone).map_err(bad)?;
        for document in documents {
            match (self.attachments, asked) {
                (Attachments::Stubs, Some(wanted)) => {
                    of_id.held.take(document, wanted).map_err(bad)?;
                }
                _ => of_id.held.page.documents.push(document),
            }
        }
        let whole = of_id.is_whole();
        if whole {
            self.found.append(&mut of_id.held);
        }
        Ok(whole && self.bytes > limit_bytes.saturating_mul(2))
    }

    /// Whether a document came by now, with all that was asked for of it.
    pub(super) fn has_documents(&self) -> bool {
        let Found { page, inline } = &self.found;
        !(page.documents.is_empty() && page.carried.is_empty() && inline.is_empty())
    }

    /// The page when reading was stopped, anywhere: documents of which not all results were seen remain
    /// as a whole, and nothing of them is in it.
    pub(super) fn broken_off(mut self) -> Found {
        let is_whole =
            |wanted: &Wanted| self.of_ids.get(wanted.id.as_str()).is_some_and(OfId::is_whole);
        let remaining = self.wanted.iter().filter(|wanted| !is_whole(wanted));
        self.found.page.remaining = remaining.cloned().collect();
        self.found
    }

    /// The page when the answer came to its end: everything must have been in it, or the checkpoint
    /// would pass over what was not.
    pub(super) fn complete(mut self) -> Result<Found, EndFailure> {
        for (id, of_id) in &mut self.of_ids {
            if of_id.seen == 0 {
                return Err(unreadable("_bulk_get", format!("{id} is not in it")));
            }
            self.found.append(&mut of_id.held);
        }
        Ok(self.found)
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

/// The revisions that outcomes are of, as far as they tell.
fn revisions_in(outcomes: &[u8]) -> Vec<Revision> {
    let member = |object: &[u8], wanted: &str| {
        let mut members = json::members(object).ok()?.flatten();
        members.find(|(name, _)| name == wanted).and_then(|(_, value)| revision_of(value))
    };
    let revision = |outcome: &[u8]| {
        let (name, value) = json::members(outcome).ok()?.next()?.ok()?;
        match &*name {
            "ok" => member(value, "_rev"),
            "missing" => revision_of(value),
            "error" => member(value, "rev"),
            _ => None,
        }
    };
    let Ok(outcomes) = json::elements(outcomes) else { return Vec::new() };
    outcomes.flatten().filter_map(revision).collect()
}

fn revision_of(value: &[u8]) -> Option<Revision> {
    json::string(value)?.parse().ok()
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

    /// An answer that is cut behind these results: what is asked for again. Nothing of that came.
    fn cut(wanted: &[Wanted], attachments: Attachments, results: &[&str]) -> Vec<Wanted> {
        let mut reading = Reading::new(wanted, attachments);
        for result in results {
            let result = format!(r#"{{"id":"{result}","docs":[{{"ok":{{"_id":"{result}"}}}}]}}"#);
            assert!(!reading.take(&Bytes::from(result), 1_000_000).unwrap());
        }
        let has_documents = reading.has_documents();
        let page = reading.broken_off().page;
        let is_again = |id: &str| page.remaining.iter().any(|wanted| wanted.id == id);
        let kept = results.iter().filter(|id| !is_again(id)).count();
        assert_eq!((page.documents.len(), has_documents), (kept, kept > 0));
        page.remaining
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
    fn a_leaf_is_held_back_until_all_of_its_document_came() {
        let all = [wanted("b", &["1-a", "1-b"])];
        let large =
            r#"{"_rev":"1-a","_access":["x"],"_attachments":{"f":{"revpos":1,"length":9000000}}}"#;
        let result = format!(r#"{{"id":"b","docs":[{{"ok":{large}}}]}}"#);
        let mut reading = Reading::new(&all, Attachments::Stubs);
        assert!(!reading.take(&Bytes::from(result.clone()), 1).unwrap(), "the other is to come");
        assert!(!reading.has_documents());
        let page = reading.broken_off().page;
        assert_eq!(page, DocumentsPage { remaining: all.to_vec(), ..DocumentsPage::default() });

        let mut reading = Reading::new(&all, Attachments::Stubs);
        reading.take(&Bytes::from(result), 1).unwrap();
        assert!(reading.take(&Bytes::from_static(br#"{"id":"b","docs":[]}"#), 1).unwrap());
        let page = reading.broken_off().page;
        assert_eq!((page.carried, page.remaining), (vec![wanted("b", &["1-a"])], Vec::new()));
        assert_eq!(
            page.restricted,
            [("b".to_owned(), "1-a".parse().unwrap())],
            "and no other leaf"
        );
    }

    #[test]
    fn peers_that_answer_once_a_document_are_not_asked_for_it_again() {
        let all = [wanted("b", &["1-a", "1-b", "1-c"]), wanted("c", &["1-c"])];
        let both = |second: &str| {
            let gone = r#"{"error":{"rev":"1-c","error":"not_found"}}"#;
            let ok =
                format!(r#"{{"ok":{{"_id":"b","_rev":"1-a"}}}},{{"ok":{{"_rev":"{second}"}}}}"#);
            Bytes::from(format!(r#"{{"id":"b","docs":[{ok},{gone}]}}"#))
        };
        let mut reading = Reading::new(&all, Attachments::Stubs);
        assert!(reading.take(&both("1-b"), 1).unwrap());
        let page = reading.broken_off().page;
        assert_eq!((page.documents.len(), page.gone), (2, 1));
        assert_eq!(page.remaining, all[1..]);
        // What descends from a revision may be one of several.
        let mut reading = Reading::new(&all, Attachments::Stubs);
        assert!(!reading.take(&both("2-b"), 1).unwrap());
        assert_eq!(reading.broken_off().page.remaining, all);
    }

    #[test]
    fn an_answer_that_came_to_its_end_is_taken_with_fewer_results_than_revisions() {
        let all = [wanted("b", &["1-a", "1-b"])];
        let mut reading = Reading::new(&all, Attachments::Stubs);
        let result = Bytes::from_static(br#"{"id":"b","docs":[{"ok":{"_rev":"2-a"}}]}"#);
        assert!(!reading.take(&result, 1).unwrap());
        assert_eq!(reading.complete().unwrap().page.documents.len(), 1);
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
