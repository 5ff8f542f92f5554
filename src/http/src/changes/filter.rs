//! Which changes a feed tells: all, those of listed documents, those of design documents, those that match
//! a selector, or those that a function lets through.

use std::collections::HashSet;
use std::sync::Arc;

use refuge_document::{BodyPlace, ChangeRow};
use serde_json::Value;

use super::parameters::{FilterName, FilterPath, Parameters};
use super::persistence::persist;
use super::scan::{Range, Rows, Scan};
use super::selector::SelectorFilter;
use super::sifting::{SIFTED_ROWS, sift};
use crate::failure::Failure;
use crate::function_request::{self, Told};
use crate::given::parameters_body;
use crate::node::{CandidatesQuestion, Database, DocumentTree, FunctionFilter};
use crate::request::Request;

/// How many listed documents are looked up at a time; up to so many without a look at how much stands in
/// the feed, as CouchDB's `changes_doc_ids_optimization_threshold`.
const LOOKED_UP_DOCUMENTS: usize = 1000;

/// Where a feed has so many rows for each listed document, these are looked up without a closer look.
const SURELY_ROWS: u64 = 8;

/// What a feed lets through.
#[derive(Clone, Debug)]
pub(super) enum Filter {
    /// Everything.
    All,
    /// The documents of these ids.
    Documents(HashSet<String>),
    /// Design documents.
    Design,
    /// Documents that match a selector.
    Selector(SelectorFilter),
    /// What a function of a design document lets through; the feed asks it.
    Function(Box<FunctionFilter>),
}

/// The body of a POST, as far as a filter needs it.
struct Posted {
    doc_ids: Option<Value>,
    selector: Option<Value>,
}

impl Filter {
    /// Reads what the filter needs from the parameters and, in a POST, from the body. A body that is
    /// not needed has to be a JSON object all the same.
    pub(super) async fn read(
        request: &mut Request,
        database: &dyn Database,
        parameters: &Parameters,
    ) -> Result<Self, Failure> {
        let posted = if request.method == hyper::Method::POST {
            Some(read_posted(request).await?)
        } else {
            None
        };
        match (&parameters.filter, posted) {
            (FilterName::Function(path), _) => function(request, database, path).await,
            (FilterName::None, _) => Ok(Self::All),
            (FilterName::DesignDocuments, _) => Ok(Self::Design),
            (FilterName::Selector, Some(posted)) => {
                SelectorFilter::parse(posted.selector).map(Self::Selector)
            }
            (FilterName::Selector, None) => Err(SelectorFilter::absent()),
            (FilterName::DocumentIds, Some(posted)) => listed(posted.doc_ids),
            (FilterName::DocumentIds, None) => {
                let text = parameters.document_ids.as_deref().unwrap_or("null");
                let ids = serde_json::from_str(text)
                    .map_err(|_| Failure::BadRequest("invalid UTF-8 JSON".to_owned()))?;
                listed(Some(ids))
            }
        }
    }

    /// Whether a change of this document passes. What depends on its body is for [`Self::let_through`].
    fn passes(&self, id: &str) -> bool {
        match self {
            Self::All | Self::Selector(_) | Self::Function(_) => true,
            Self::Documents(ids) => ids.contains(id),
            Self::Design => id.starts_with("_design/"),
        }
    }

    /// Whether it looks at winners' bodies.
    pub(super) fn needs_bodies(&self) -> bool {
        matches!(self, Self::Selector(_))
    }

    /// How many rows are looked at at a time where so many are wanted.
    pub(super) fn rows_at_a_time(&self, wanted: usize) -> usize {
        match self {
            Self::All => wanted,
            Self::Function(_) => SIFTED_ROWS,
            Self::Documents(_) | Self::Design | Self::Selector(_) => usize::MAX,
        }
    }

    /// Those of the rows that pass; of a row that a function looks at, the leaves that do.
    pub(super) async fn let_through(
        &self,
        database: &dyn Database,
        all_leaves: bool,
        mut rows: Rows,
    ) -> Result<Rows, Failure> {
        match self {
            Self::Selector(selector) => return selector.choose(rows).await,
            Self::Function(filter) => return sift(database, filter, all_leaves, rows).await,
            Self::All | Self::Documents(_) | Self::Design => {}
        }
        rows.retain(|(row, _)| self.passes(&row.id));
        Ok(rows)
    }

    /// A walk over what may pass of a range, of which so many rows are wanted.
    pub(super) async fn scan(
        &self,
        database: &Arc<dyn Database>,
        range: Range,
        wanted: usize,
    ) -> Result<Scan, Failure> {
        let asked = database.as_ref();
        let rows = persist(asked, || self.look_up(asked, range, wanted)).await?;
        Ok(match rows {
            Some(rows) => Scan::of_rows(database.clone(), range, rows),
            None => Scan::of_feed(database.clone(), range),
        })
    }

    /// The rows of documents that may pass, where that costs less than a walk over the range: looked up
    /// one by one, in the order of their sequences.
    async fn look_up(
        &self,
        database: &dyn Database,
        range: Range,
        wanted: usize,
    ) -> Result<Option<Vec<ChangeRow>>, Failure> {
        if database.is_partial() {
            return Ok(None);
        }
        let after = if range.descending { 0 } else { range.after };
        let ids = match self {
            Self::Documents(ids)
                if is_worth_looking_up(database, ids, (after, range.until)).await? =>
            {
                ids.iter().cloned().collect()
            }
            Self::Selector(filter) => {
                let question = CandidatesQuestion {
                    selector: filter.selector(),
                    after,
                    until: range.until,
                    limit: wanted,
                };
                match database.candidates(question).await? {
                    Some(ids) => ids,
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        };
        rows_of(database, ids).await.map(Some)
    }
}

/// Whether listed documents are looked up rather than found on a walk over the sequences of a range.
async fn is_worth_looking_up(
    database: &dyn Database,
    ids: &HashSet<String>,
    (after, until): (u64, u64),
) -> Result<bool, Failure> {
    let listed = ids.len() as u64;
    // There are at most as many rows as numbers.
    let numbers = until.saturating_sub(after);
    if ids.len() <= LOOKED_UP_DOCUMENTS {
        return Ok(numbers > listed);
    }
    let information = database.information().await?;
    let rows = numbers.min(information.documents + information.deleted_documents);
    // Rows behind a sequence are counted where that may decide: it costs a walk the first time.
    Ok(rows > listed.saturating_mul(SURELY_ROWS) || database.pending(after).await? > listed)
}

/// The rows of these documents, in the order of their sequences, each once.
async fn rows_of(database: &dyn Database, ids: Vec<String>) -> Result<Vec<ChangeRow>, Failure> {
    let mut rows = Vec::new();
    for some in ids.chunks(LOOKED_UP_DOCUMENTS) {
        let trees = database.trees(some.to_vec()).await?;
        let found = some.iter().zip(trees);
        rows.extend(found.filter_map(|(id, tree)| tree.map(|tree| row(id.clone(), &tree))));
    }
    rows.sort_unstable_by_key(|row: &ChangeRow| row.sequence);
    // A document that changed between two looks is taken as it was seen last.
    let mut seen = HashSet::new();
    rows.reverse();
    rows.retain(|row| seen.insert(row.id.clone()));
    rows.reverse();
    Ok(rows)
}

/// The function that a feed asks, once it is known to be there.
async fn function(
    request: &Request,
    database: &dyn Database,
    path: &FilterPath,
) -> Result<Filter, Failure> {
    let filter = FunctionFilter {
        design: format!("_design/{}", path.design),
        function: path.function.clone(),
        request: function_request::describe(request, database, Told::default()).await?,
    };
    database.filter(&filter, Arc::default()).await?;
    Ok(Filter::Function(Box::new(filter)))
}

/// A document's row of the feed.
fn row(id: String, document: &DocumentTree) -> ChangeRow {
    let body = match document.tree.winner().map(|winner| winner.place) {
        Some(BodyPlace::At(sequence)) => sequence,
        _ => 0,
    };
    let leaves = document.tree.leaf_summaries();
    ChangeRow { sequence: document.sequence, id, leaves, body, removed: false }
}

async fn read_posted(request: &mut Request) -> Result<Posted, Failure> {
    let mut body = parameters_body(request).await?;
    let mut member = |name| body.remove(name).filter(|value: &Value| !value.is_null());
    Ok(Posted { doc_ids: member("doc_ids"), selector: member("selector") })
}

fn listed(ids: Option<Value>) -> Result<Filter, Failure> {
    ids.and_then(|ids| serde_json::from_value(ids).ok()).map(Filter::Documents).ok_or_else(|| {
        Failure::BadRequest("`doc_ids` filter parameter is not a list of doc ids.".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn listed_ids_pass_alone() {
        let filter = listed(Some(json!(["a", "b", "a"]))).expect("a list");
        assert!(filter.passes("a") && filter.passes("b") && !filter.passes("c"));
        assert!(Filter::Design.passes("_design/x") && !Filter::Design.passes("x"));
    }

    #[test]
    fn what_is_no_list_of_ids_is_refused() {
        for ids in [None, Some(json!(null)), Some(json!("a")), Some(json!([1]))] {
            assert_eq!(listed(ids).expect_err("refused").status().0.as_u16(), 400);
        }
    }
}
