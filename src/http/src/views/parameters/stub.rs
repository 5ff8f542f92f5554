//! A view without rows, in the order that views have: what parameters are checked against in tests.

use std::cmp::Ordering;

use async_trait::async_trait;
use refuge_query::collation::{Collation, SortKeys};

use crate::failure::Failure;
use crate::node::{GroupLevel, View, ViewGroupsPage, ViewPart, ViewRowsPage};

pub(super) struct Stub {
    pub(super) reduces: bool,
}

#[async_trait]
impl View for Stub {
    fn has_reduce(&self) -> bool {
        self.reduces
    }

    fn signature(&self) -> &str {
        "s"
    }

    fn update_sequence(&self) -> u64 {
        1
    }

    fn compare(&self, one: &str, other: &str) -> Result<Ordering, Failure> {
        let keys = SortKeys::new(Collation::Unicode);
        let keys = keys.map_err(|error| Failure::Internal(error.to_string()))?;
        let key = |text: &str| {
            let key = keys.key(text.as_bytes());
            key.map_err(|error| Failure::BadRequest(error.to_string()))
        };
        Ok(key(one)?.cmp(&key(other)?))
    }

    async fn rows(&self, _part: ViewPart) -> Result<ViewRowsPage, Failure> {
        unreachable!("no rows are asked for")
    }

    async fn groups(&self, _part: ViewPart, _level: GroupLevel) -> Result<ViewGroupsPage, Failure> {
        unreachable!("no groups are asked for")
    }
}
