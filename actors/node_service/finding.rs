//! Mango's questions as the HTTP surface asks them: the index is made fresh enough, and pages of matches are
//! read where that hurts nobody. How a page is read is in `finding/page.rs`.

mod candidates;
mod page;
mod rows;
pub(super) mod showing;

use std::sync::Arc;

use async_trait::async_trait;
use refuge_document::partition_bounds;
use refuge_http::{Failure, FindPage, FindPart, FindQuestion, Findings};
use refuge_otp::Names;
use refuge_query::collation::{SortKeys, partition_prefix};
use refuge_query::mango::{Find, Index, Plan, Range};
use refuge_storage::{DatabaseId, Snapshot};

use self::page::Page;
use self::rows::IndexRows;
use super::database::OpenDatabase;
use super::reading::{self, Reading};
use super::views::{FoundIndex, built_index, design, doors, fresh_index};
pub(super) use candidates::candidates;

use crate::designs::{DesignReader, DesignsOf};
use crate::index_design::IndexDesign;
use crate::shard::readers::Principals;
use crate::{names, published, unavailable};

/// The indexes of a database, as [`refuge_http::Database::find_indexes`] tells them.
pub(super) async fn indexes(database: &OpenDatabase) -> Result<Vec<Index>, Failure> {
    let reader = published::<DesignReader>(&database.names, names::DESIGNS).await?;
    let designs = reader.read_all(DesignsOf::record(&database.record)).await?;
    let mut indexes: Vec<Index> =
        designs.iter().flat_map(|design| design.indexes.iter().cloned()).collect();
    indexes.sort_by(|one, other| {
        (&one.design_document, &one.name).cmp(&(&other.design_document, &other.name))
    });
    indexes.insert(0, Index::all_documents());
    Ok(indexes)
}

/// Opens what answers a question, of the documents that `reader` sees, where that is not all.
pub(super) async fn find(
    database: &OpenDatabase,
    question: FindQuestion,
    reader: Option<Principals>,
) -> Result<Arc<dyn Findings>, Failure> {
    let source = match (&question.plan.range, &question.index.design_document) {
        (Range::Documents { from, to }, _) => {
            documents(question.find.partition.as_deref(), from.as_ref(), to.as_ref())
        }
        (Range::Rows { .. }, Some(id)) => {
            rows(database, id, &question).await?.map_or(Source::Nothing, Source::Rows)
        }
        _ => Source::Nothing,
    };
    let searched = Searched { question, source, database: database.id(), reader };
    Ok(Arc::new(OpenFindings {
        names: database.names.clone(),
        reads: database.reads.clone(),
        searched: Arc::new(searched),
    }))
}

/// Documents between two ids, in a partition where one is asked.
fn documents(partition: Option<&str>, from: Option<&String>, to: Option<&String>) -> Source {
    let Some(partition) = partition else {
        return Source::Documents { from: from.cloned(), to: to.cloned() };
    };
    let (first, behind) = partition_bounds(partition);
    let from = from.filter(|from| **from > first).cloned().unwrap_or(first);
    // No document has the id behind the last, since it names no partition.
    let to = to.filter(|to| **to < behind).cloned().unwrap_or(behind);
    if from > to {
        return Source::Nothing;
    }
    Source::Documents { from: Some(from), to: Some(to) }
}

/// The rows of the index that a question's plan names; `None` where it is not built, and not waited for.
async fn rows(
    database: &OpenDatabase,
    id: &str,
    question: &FindQuestion,
) -> Result<Option<IndexRows>, Failure> {
    let design = design(database, id).await?;
    let find: &Find = &question.find;
    let found = match find.update && !find.stale {
        true => Some(fresh_index(database, &design).await?),
        false => built_index(database, &design)?,
    };
    let planned = (find, &question.plan, &question.index);
    found.map(|found| index_rows(database, &design, &found, planned)).transpose()
}

/// The rows of an index that was found.
fn index_rows(
    database: &OpenDatabase,
    design: &IndexDesign,
    found: &FoundIndex,
    (find, plan, index): (&Find, &Plan, &Index),
) -> Result<IndexRows, Failure> {
    // The index went away since it was chosen.
    let gone = || Failure::NotFound("missing_named_view".to_owned());
    let named = design.views.view(&index.name).ok_or_else(gone)?;
    let collation = design.views.maps.get(named.map).ok_or_else(gone)?.collation;
    let internal = |error: String| Failure::Internal(error);
    let keys = SortKeys::new(collation).map_err(|error| internal(error.to_string()))?;
    let range = plan.range.key_range(&keys);
    let range = range.map_err(|error| Failure::BadRequest(error.to_string()))?;
    if design.views.partitioned != find.partition.is_some() {
        return Err(gone());
    }
    let range = range.map(|range| match &find.partition {
        Some(partition) => range.within_partition(partition),
        None => range,
    });
    Ok(IndexRows {
        store: doors(database)?.store().ok_or_else(unavailable)?.clone(),
        index: found.record.number,
        view: u16::try_from(named.map).unwrap_or(u16::MAX),
        keys,
        prefix: find.partition.as_deref().map(partition_prefix).unwrap_or_default(),
        range: range.ok_or_else(gone)?,
        descending: plan.descending,
    })
}

/// Where matches are looked for.
enum Source {
    /// All documents between two ids, both included.
    Documents { from: Option<String>, to: Option<String> },
    /// Rows of a JSON index.
    Rows(IndexRows),
    /// Nowhere: nothing can match.
    Nothing,
}

/// A question and where it is looked up.
struct Searched {
    question: FindQuestion,
    source: Source,
    database: DatabaseId,
    /// Who asks, where documents are hidden from them.
    reader: Option<Principals>,
}

/// A question that is being answered.
struct OpenFindings {
    names: Names,
    reads: metrics::Counter,
    searched: Arc<Searched>,
}

#[async_trait]
impl Findings for OpenFindings {
    async fn page(&self, part: FindPart) -> Result<FindPage, Failure> {
        let searched = Arc::clone(&self.searched);
        let job = move |snapshot: &Snapshot| Ok(Page::read(&searched, snapshot, &part));
        let page = reading::read(&self.names, Reading::Scan, job).await??;
        self.reads.increment(page.documents_examined);
        Ok(page)
    }
}
