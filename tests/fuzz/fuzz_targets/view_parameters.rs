//! The parameters of a view, in a URL and in the body on the line behind it: nothing panics, and a range
//! that is not refused is not the wrong way round.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_query::collation::{Collation, SortKeys};
use refuge_query::view::{KeyRange, RangeError, RangeQuery};
use serde_json::{Map, Value};

fuzz_target!(|text: &str| {
    let (url, body) = text.split_once('\n').unwrap_or((text, ""));
    let body: Map<String, Value> = serde_json::from_str(body).unwrap_or_default();
    let keys = SortKeys::new(Collation::Unicode).expect("the collation's data");
    for reduces in [false, true] {
        let Some(part) = refuge_http::fuzzing::view_part(&body, url, reduces) else { continue };
        for range in part.ranges {
            let (Some(start), Some(end)) = (range.start, range.end) else { continue };
            let query = RangeQuery {
                start_key: Some(start.key.as_bytes()),
                start_document: start.document.as_deref(),
                end_key: Some(end.key.as_bytes()),
                end_document: end.document.as_deref(),
                inclusive_end: !range.without_end,
                descending: range.descending,
            };
            let made = match KeyRange::new(&keys, &query) {
                Ok(made) => made,
                Err(error) => {
                    assert!(
                        matches!(error, RangeError::Key { .. }),
                        "{start:?} to {end:?}: {error}"
                    );
                    continue;
                }
            };
            // The ids of documents may be the wrong way round within one key.
            if start.document.is_none() && end.document.is_none() {
                assert!(made.to.is_none_or(|to| made.from <= to), "{start:?} to {end:?}");
            }
        }
    }
});
