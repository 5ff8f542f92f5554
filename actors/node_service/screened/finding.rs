//! Mango's questions where functions are asked who may read: all documents of the range of the index are looked at,
//! and of those that are seen the selector is asked. It is never asked of a hidden one, whose contents it could tell
//! by the time that it takes.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::BodyPlace;
use refuge_http::{
    Database as _, Failure, FindMatch, FindPage, FindPart, FindQuestion, Findings, StoredBody,
};
use refuge_query::mango::Find;
use refuge_query::selector::Selector;

use super::ScreenedDatabase;
use super::asking::{Asked, Screen};
use crate::node_service::database::OpenDatabase;
use crate::node_service::finding::showing::{Matched, show};
use crate::node_service::storage_failure;

/// Documents that are looked at for a page, at least and at most.
const LEAST_DOCUMENTS: u64 = 100;
const MOST_DOCUMENTS: u64 = 500;
/// What stands between two texts of a page.
const BETWEEN: &[u8] = b",\r\n";

/// Opens what answers a question: never from an index that is behind, whose rows, which bookmarks hold, may be of
/// former revisions; and without conflicts, which selectors could ask about where they are hidden.
pub(super) async fn find(
    database: &ScreenedDatabase,
    mut question: FindQuestion,
) -> Result<Arc<dyn Findings>, Failure> {
    let find = Arc::make_mut(&mut question.find);
    (find.update, find.stale, find.conflicts) = (true, false, false);
    let wanted = find.clone();
    // Whole documents, so that a page is as long as what is looked at.
    (find.selector, find.fields) = (everything()?, None);
    question.each = true;
    let found = database.seen.find(question).await?;
    let (open, screen) = (Arc::clone(&database.open), Arc::clone(&database.screen));
    Ok(Arc::new(ScreenedFindings { open, found, wanted, screen }))
}

fn everything() -> Result<Selector, Failure> {
    let all = serde_json::Value::Object(serde_json::Map::new());
    Selector::parse(&all).map_err(|error| Failure::Internal(error.to_string()))
}

struct ScreenedFindings {
    open: Arc<OpenDatabase>,
    /// All that the user would see of the range of the index.
    found: Arc<dyn Findings>,
    wanted: Find,
    screen: Arc<Screen>,
}

/// A document that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Looked {
    Hidden,
    /// It is seen, and not what is asked for.
    Other,
    /// What is shown of it.
    Match(Vec<u8>),
}

#[async_trait]
impl Findings for ScreenedFindings {
    async fn page(&self, part: FindPart) -> Result<FindPage, Failure> {
        let most = part.skip.saturating_add(part.limit).clamp(LEAST_DOCUMENTS, MOST_DOCUMENTS);
        let asked = FindPart { skip: 0, limit: most, after: part.after };
        let mut page = self.found.page(asked).await?;
        page.documents = Bytes::new();
        let looked = self.look(&page.matches).await?;
        if looked.len() < page.matches.len() {
            page.matches.truncate(looked.len());
            page.resume = page.matches.last().map(|last| last.place.clone());
        }
        Ok(shown(page, looked, (part.skip, part.limit)))
    }
}

impl ScreenedFindings {
    /// Asks who may read first, and then what matches: of the first documents alone, where functions take long.
    async fn look(&self, found: &[FindMatch]) -> Result<Vec<Looked>, Failure> {
        let asked = found.iter().map(|one| Asked::of(&one.place.id, &one.leaf, None)).collect();
        let admitted = self.screen.admits_first(asked).await?;
        let place = |(one, admitted): (&FindMatch, &bool)| match admitted {
            true => one.leaf.place,
            false => BodyPlace::Missing,
        };
        let places = found.iter().zip(&admitted).map(place).collect();
        let contents = self.open.bodies(places).await?;
        let looked = found.iter().zip(contents).map(|(one, content)| match content {
            Some(content) => self.text(one, &content),
            None => Ok(Looked::Hidden),
        });
        looked.collect()
    }

    fn text(&self, one: &FindMatch, content: &StoredBody) -> Result<Looked, Failure> {
        let revision = one.leaf.revision.to_string();
        let seen = (content, Vec::new());
        let matched =
            Matched::new(&self.wanted, &one.place.id, &one.leaf, revision.as_bytes(), seen)
                .map_err(|error| storage_failure(&error))?;
        if !matched.matches() {
            return Ok(Looked::Other);
        }
        let mut text = Vec::new();
        show(&mut text, &matched);
        Ok(Looked::Match(text))
    }
}

/// The matches of a page, behind `skip` and at most `limit` of them. What was examined tells of hidden documents, so
/// that only what is seen counts.
fn shown(page: FindPage, looked: Vec<Looked>, (skip, limit): (u64, u64)) -> FindPage {
    let mut shown = FindPage { resume: page.resume, ..FindPage::default() };
    let mut documents = Vec::new();
    for (FindMatch { place, .. }, looked) in page.matches.into_iter().zip(looked) {
        if shown.returned >= limit {
            shown.resume = shown.last.clone();
            break;
        }
        if looked != Looked::Hidden {
            shown.keys_examined += 1;
            shown.documents_examined += 1;
        }
        let Looked::Match(text) = looked else { continue };
        if shown.skipped < skip {
            shown.skipped += 1;
            continue;
        }
        if shown.returned > 0 {
            documents.extend_from_slice(BETWEEN);
        }
        documents.extend_from_slice(&text);
        shown.returned += 1;
        shown.last = Some(place);
    }
    shown.documents = Bytes::from(documents);
    shown
}

#[cfg(test)]
mod tests {
    use refuge_document::Leaf;
    use refuge_query::mango::Bookmark;

    use super::*;

    fn page(ids: &[&str]) -> FindPage {
        let one = |id: &&str| {
            let revision = "1-a".parse().expect("a revision");
            let leaf = Leaf { revision, deleted: false, place: BodyPlace::Missing };
            FindMatch { place: place(id), leaf, end: 0 }
        };
        let matches = ids.iter().map(one).collect();
        FindPage { matches, resume: Some(place("behind")), ..FindPage::default() }
    }

    fn place(id: &str) -> Bookmark {
        Bookmark { id: id.to_owned(), key: Vec::new() }
    }

    fn matching(text: &str) -> Looked {
        Looked::Match(text.as_bytes().to_vec())
    }

    #[test]
    fn what_is_hidden_leaves_no_trace_in_a_page() {
        let looked = vec![Looked::Hidden, matching("bb"), Looked::Other, matching("d")];
        let told = shown(page(&["a", "b", "c", "d"]), looked, (0, 10));
        assert_eq!(told.documents.as_ref(), b"bb,\r\nd");
        assert_eq!((told.returned, told.documents_examined, told.keys_examined), (2, 3, 3));
        assert_eq!((told.last, told.resume), (Some(place("d")), Some(place("behind"))));
        let none = shown(page(&["a"]), vec![Looked::Hidden], (0, 10));
        assert_eq!((none.documents.len(), none.last), (0, None));
    }

    #[test]
    fn a_page_is_cut_behind_the_last_match_that_is_wanted() {
        let looked = ["a", "b", "c", "d"].map(matching).to_vec();
        let told = shown(page(&["a", "b", "c", "d"]), looked, (1, 2));
        assert_eq!(told.documents.as_ref(), b"b,\r\nc");
        assert_eq!((told.skipped, told.resume), (1, Some(place("c"))));
    }
}
