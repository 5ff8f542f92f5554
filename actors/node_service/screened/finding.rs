//! Mango's questions where functions are asked who may read: matches are found as for anybody, and those that are
//! hidden are left out of each page. The selector alone sees hidden documents, and says nothing of them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_http::{Failure, FindMatch, FindPage, FindPart, FindQuestion, Findings};

use super::ScreenedDatabase;
use super::asking::{Asked, Screen};

/// Matches that are looked at for a page, at least and at most.
const LEAST_MATCHES: u64 = 100;
const MOST_MATCHES: u64 = 500;
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
    question.each = true;
    let found = database.seen.find(question).await?;
    Ok(Arc::new(ScreenedFindings { found, screen: Arc::clone(&database.screen) }))
}

struct ScreenedFindings {
    found: Arc<dyn Findings>,
    screen: Arc<Screen>,
}

#[async_trait]
impl Findings for ScreenedFindings {
    async fn page(&self, part: FindPart) -> Result<FindPage, Failure> {
        let wanted = part.skip.saturating_add(part.limit).clamp(LEAST_MATCHES, MOST_MATCHES);
        let asked = FindPart { skip: 0, limit: wanted, after: part.after };
        let page = self.found.page(asked).await?;
        let matches = page.matches.iter();
        let asked = matches.map(|one| Asked::of(&one.place.id, &one.leaf, None)).collect();
        let admitted = self.screen.admits(asked).await?;
        Ok(shown(page, &admitted, (part.skip, part.limit)))
    }
}

/// The matches of a page that are admitted, behind `skip` and at most `limit` of them. What was examined tells of
/// hidden documents, so that only what is seen counts.
fn shown(page: FindPage, admitted: &[bool], (skip, limit): (u64, u64)) -> FindPage {
    let mut shown = FindPage { resume: page.resume, ..FindPage::default() };
    let (mut documents, mut begin) = (Vec::with_capacity(page.documents.len()), 0);
    for (FindMatch { place, end, .. }, admitted) in page.matches.into_iter().zip(admitted) {
        let text = page.documents.get(begin..end).unwrap_or_default();
        begin = end + BETWEEN.len();
        if !admitted {
            continue;
        }
        if shown.returned >= limit {
            shown.resume = shown.last.clone();
            break;
        }
        shown.keys_examined += 1;
        shown.documents_examined += 1;
        if shown.skipped < skip {
            shown.skipped += 1;
            continue;
        }
        if shown.returned > 0 {
            documents.extend_from_slice(BETWEEN);
        }
        documents.extend_from_slice(text);
        shown.returned += 1;
        shown.last = Some(place);
    }
    shown.documents = Bytes::from(documents);
    shown
}

#[cfg(test)]
mod tests {
    use refuge_document::{BodyPlace, Leaf};
    use refuge_query::mango::Bookmark;

    use super::*;

    fn page(texts: &[&str]) -> FindPage {
        let mut page = FindPage { resume: Some(place("behind")), ..FindPage::default() };
        let mut documents = Vec::new();
        for text in texts {
            if !documents.is_empty() {
                documents.extend_from_slice(BETWEEN);
            }
            documents.extend_from_slice(text.as_bytes());
            let revision = "1-a".parse().expect("a revision");
            let leaf = Leaf { revision, deleted: false, place: BodyPlace::Missing };
            page.matches.push(FindMatch { place: place(text), leaf, end: documents.len() });
        }
        page.documents = documents.into();
        page
    }

    fn place(id: &str) -> Bookmark {
        Bookmark { id: id.to_owned(), key: Vec::new() }
    }

    #[test]
    fn what_is_hidden_leaves_no_trace_in_a_page() {
        let told = shown(page(&["a", "bb", "c", "d"]), &[false, true, false, true], (0, 10));
        assert_eq!(told.documents.as_ref(), b"bb,\r\nd");
        assert_eq!((told.returned, told.documents_examined, told.keys_examined), (2, 2, 2));
        assert_eq!((told.last, told.resume), (Some(place("d")), Some(place("behind"))));
        let none = shown(page(&["a"]), &[false], (0, 10));
        assert_eq!((none.documents.len(), none.last), (0, None));
    }

    #[test]
    fn a_page_is_cut_behind_the_last_match_that_is_wanted() {
        let told = shown(page(&["a", "b", "c", "d"]), &[true, true, true, true], (1, 2));
        assert_eq!(told.documents.as_ref(), b"b,\r\nc");
        assert_eq!((told.skipped, told.resume), (1, Some(place("c"))));
    }
}
