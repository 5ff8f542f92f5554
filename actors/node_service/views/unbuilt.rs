//! A view whose index is not built yet, for who does not want to wait for that: it has no rows.

use std::cmp::Ordering;

use async_trait::async_trait;
use refuge_http::{Failure, GroupLevel, View, ViewGroupsPage, ViewPart, ViewRowsPage};
use refuge_query::collation::SortKeys;
use refuge_query::design::NamedView;

use super::reading::compare;
use crate::index_design::IndexDesign;

/// The view.
pub(super) struct UnbuiltView {
    has_reduce: bool,
    signature: String,
    keys: SortKeys,
}

impl UnbuiltView {
    /// A view of a design document.
    pub(super) fn new(design: &IndexDesign, named: &NamedView) -> Result<Self, Failure> {
        let collation = design.views.maps.get(named.map).map(|map| map.collation);
        let keys = SortKeys::new(collation.unwrap_or_default());
        Ok(Self {
            has_reduce: named.reduce.is_some(),
            signature: design.views.signature_text(),
            keys: keys.map_err(|error| Failure::Internal(error.to_string()))?,
        })
    }

    /// Keys that cannot be ones are refused as where there are rows.
    fn check(&self, part: &ViewPart) -> Result<(), Failure> {
        let bounds = part.ranges.iter().flat_map(|range| [&range.start, &range.end]);
        bounds.flatten().try_for_each(|bound| self.compare(&bound.key, &bound.key).map(drop))
    }
}

#[async_trait]
impl View for UnbuiltView {
    fn has_reduce(&self) -> bool {
        self.has_reduce
    }

    fn signature(&self) -> &str {
        &self.signature
    }

    fn update_sequence(&self) -> u64 {
        0
    }

    fn compare(&self, one: &str, other: &str) -> Result<Ordering, Failure> {
        compare(&self.keys, one, other)
    }

    async fn rows(&self, part: ViewPart) -> Result<ViewRowsPage, Failure> {
        self.check(&part)?;
        let (total, offset) = (Some(0), Some(0));
        Ok(ViewRowsPage { rows: Vec::new(), total, offset, skipped: 0, resume: None })
    }

    async fn groups(&self, part: ViewPart, _level: GroupLevel) -> Result<ViewGroupsPage, Failure> {
        self.check(&part)?;
        Ok(ViewGroupsPage { groups: Vec::new(), skipped: 0, resume: None })
    }
}
