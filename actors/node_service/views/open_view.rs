//! One view of an index, as HTTP asks it: ranges of keys become ranges of rows, and pages are read where that
//! hurts nobody.

use std::cmp::Ordering;
use std::sync::Arc;

use async_trait::async_trait;
use refuge_http::{Failure, GroupLevel, View, ViewGroupsPage, ViewPart, ViewRange, ViewRowsPage};
use refuge_otp::Names;
use refuge_query::collation::SortKeys;
use refuge_query::design::NamedView;
use refuge_query::view::{KeyRange, RangeError, RangeQuery};
use refuge_storage::IndexStore;

use super::grouping::{Grouping, groups};
use super::reading::{PAGE_RANGES, Part, compare, rows};
use super::{FoundIndex, OpenDatabase, doors};
use crate::index_design::IndexDesign;
use crate::javascript::{JavaScript, Lane};
use crate::view_tree::{Growing, ReduceFunction, Scripts, TreeError, ViewStore};
use crate::{names, published, unavailable};

/// Rows up to which a page is read where it is asked for, if the indexes are known to be in memory.
const INLINE_ROWS: usize = 200;
/// Ranges up to which that is so: each is made into sort keys and costs a walk.
const INLINE_RANGES: usize = 20;

/// A view that is open.
pub(crate) struct OpenView {
    names: Names,
    database: refuge_storage::DatabaseId,
    design: Arc<IndexDesign>,
    named: NamedView,
    found: FoundIndex,
    signature: String,
    store: IndexStore,
    keys: Arc<SortKeys>,
    /// The partition that is asked.
    partition: Option<String>,
    /// The position that is told.
    position: u64,
}

impl OpenView {
    /// Opens a view of an index that was found.
    pub(crate) fn new(
        database: &OpenDatabase,
        design: Arc<IndexDesign>,
        named: NamedView,
        found: FoundIndex,
    ) -> Result<Self, Failure> {
        let collation = design.views.maps.get(named.map).map(|map| map.collation);
        let keys = SortKeys::new(collation.unwrap_or_default());
        Ok(Self {
            names: database.names.clone(),
            database: database.id(),
            signature: design.views.signature_text(),
            store: doors(database)?.store().ok_or_else(unavailable)?.clone(),
            keys: Arc::new(keys.map_err(|error| Failure::Internal(error.to_string()))?),
            design,
            named,
            position: found.state.position,
            found,
            partition: None,
        })
    }

    /// The same for the rows of a partition.
    pub(super) fn of_partition(self, partition: Option<String>) -> Self {
        Self { partition, ..self }
    }

    /// The same, with a position that is no higher told.
    pub(super) fn told_as(self, position: u64) -> Self {
        Self { position: self.position.min(position), ..self }
    }

    fn view_store(&self) -> Result<ViewStore, Failure> {
        let snapshot = self.store.snapshot().map_err(TreeError::from)?;
        let index = self.found.record.number;
        // A reader's own gives way to those of others, and its rows leave bit by bit.
        if self.design.reader.is_some() {
            let found = snapshot.find(self.database, &self.design.views.signature);
            let found = found.map_err(TreeError::from)?;
            if found.is_none_or(|found| found.number != index) {
                return Err(unavailable());
            }
        }
        Ok(ViewStore { snapshot, index, view: u16::try_from(self.named.map).unwrap_or(u16::MAX) })
    }

    /// Runs `job` here where that is quick, else on a thread that may block.
    async fn read<R: Send + 'static>(
        &self,
        quick: bool,
        job: impl FnOnce(&ViewStore) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        let store = self.view_store()?;
        if quick && self.store.fits_memory() {
            return job(&store);
        }
        let done = crate::blocking(move || job(&store)).await;
        done.map_err(|_| unavailable())?
    }
}

#[async_trait]
impl View for OpenView {
    fn has_reduce(&self) -> bool {
        self.named.reduce.is_some()
    }

    fn signature(&self) -> &str {
        &self.signature
    }

    fn update_sequence(&self) -> u64 {
        self.position
    }

    fn compare(&self, one: &str, other: &str) -> Result<Ordering, Failure> {
        compare(&self.keys, one, other)
    }

    async fn rows(&self, part: ViewPart) -> Result<ViewRowsPage, Failure> {
        let quick = part.limit <= INLINE_ROWS && part.ranges.len() <= INLINE_RANGES;
        let (keys, partition) = (Arc::clone(&self.keys), self.partition.clone());
        let job = move |store: &ViewStore| {
            let part = converted((&keys, partition.as_deref()), &part)?;
            Ok(rows(store, &part)?)
        };
        self.read(quick, job).await
    }

    async fn groups(&self, part: ViewPart, level: GroupLevel) -> Result<ViewGroupsPage, Failure> {
        let quick = part.ranges.len() <= INLINE_RANGES;
        let (keys, partition) = (Arc::clone(&self.keys), self.partition.clone());
        let functions = self.design.reduces.get(self.named.map).cloned().unwrap_or_default();
        let wanted = self.named.reduce.unwrap_or_default();
        let scripted = matches!(functions.get(wanted), Some(ReduceFunction::Script(_)));
        let run = move |store: &ViewStore, scripts: &Scripts<'_>| {
            let grouping = Grouping { level, functions: &functions, wanted };
            let part = converted((&keys, partition.as_deref()), &part)?;
            groups(store, &part, &grouping, scripts)?
        };
        let growing = Growing::now(&self.names);
        if scripted {
            let javascript = published::<JavaScript>(&self.names, names::JAVASCRIPT).await?;
            let store = self.view_store()?;
            let sources = (self.design.source_key(self.database), Arc::clone(&self.design.sources));
            let job =
                move |views: &mut refuge_sandbox::Views| run(&store, &Scripts::of(views, growing));
            let done = javascript.with_views(Lane::Requests, None, sources, job).await?;
            done.map_err(|error| crate::indexer::function_failure(&error))?
        } else {
            self.read(quick, move |store| run(store, &Scripts::none(growing))).await
        }
    }
}

/// The ranges of rows that one page can go through. Keys that cannot be ones are told with the first page.
fn converted(
    (keys, partition): (&SortKeys, Option<&str>),
    asked: &ViewPart,
) -> Result<Part, Failure> {
    let first = asked.after.as_ref().map_or(0, |place| place.range);
    let (_, left) = asked.ranges.split_at_checked(first).unwrap_or_default();
    let (window, later) = left.split_at(left.len().min(PAGE_RANGES));
    if asked.after.is_none() {
        later.iter().try_for_each(|range| key_range(keys, range).map(drop))?;
    }
    let ranges = window.iter().map(|range| {
        let range = key_range(keys, range)?;
        Ok::<_, Failure>(match partition {
            Some(partition) => range.within_partition(partition),
            None => range,
        })
    });
    Ok(Part {
        ranges: ranges.collect::<Result<_, _>>()?,
        first,
        count: asked.ranges.len(),
        descending: asked.ranges.first().is_some_and(|range| range.descending),
        skip: asked.skip,
        limit: asked.limit,
        after: asked.after.clone(),
    })
}

fn key_range(keys: &SortKeys, range: &ViewRange) -> Result<KeyRange, Failure> {
    let query = RangeQuery {
        start_key: range.start.as_ref().map(|bound| bound.key.as_bytes()),
        start_document: range.start.as_ref().and_then(|bound| bound.document.as_deref()),
        end_key: range.end.as_ref().map(|bound| bound.key.as_bytes()),
        end_document: range.end.as_ref().and_then(|bound| bound.document.as_deref()),
        inclusive_end: !range.without_end,
        descending: range.descending,
    };
    KeyRange::new(keys, &query).map_err(|error| match error {
        RangeError::Key { .. } => Failure::BadRequest(error.to_string()),
    })
}
