//! The removal of the rows of dropped indexes, some at a time.

use std::ops::Bound;

use fjall::{OwnedWriteBatch, UserKey};

use super::IndexNumber;
use super::keys::{self, RegistryTag};
use super::store::IndexKeyspaces;
use crate::error::{CommitError, StorageError};

/// How far the removal of one index has come: which keyspace, and the last key removed there. Going on behind
/// it spares a walk over fresh tombstones.
#[derive(Default)]
pub(super) struct Dropping {
    index: Option<IndexNumber>,
    keyspace: usize,
    last: Option<UserKey>,
}

impl Dropping {
    /// Puts the removal of up to `limit` rows into a batch; answers whether any index is being dropped.
    pub(super) fn step(
        &mut self,
        keyspaces: &IndexKeyspaces,
        batch: &mut OwnedWriteBatch,
        limit: usize,
    ) -> Result<bool, CommitError> {
        let Some(guard) = keyspaces.indexes.prefix([RegistryTag::Dropping as u8]).next() else {
            return Ok(false);
        };
        let mark = guard.key()?;
        let number = keys::number_of(&mark)
            .ok_or(StorageError::Record { keyspace: "indexes", reason: "its key is cut short" })?;
        if self.index != Some(number) {
            *self = Self { index: Some(number), ..Self::default() };
        }
        let mut left = limit;
        while let Some(keyspace) = keyspaces.of_indexes().get(self.keyspace) {
            let low = match &self.last {
                Some(last) => Bound::Excluded(last.to_vec()),
                None => Bound::Included(number.0.to_be_bytes().to_vec()),
            };
            let high = keys::behind(number).map_or(Bound::Unbounded, Bound::Excluded);
            for guard in keyspace.range::<Vec<u8>, _>((low, high)).take(left) {
                let key = guard.key()?;
                batch.remove(keyspace, key.clone());
                self.last = Some(key);
                left -= 1;
            }
            if left == 0 {
                return Ok(true);
            }
            self.keyspace += 1;
            self.last = None;
        }
        batch.remove(&keyspaces.indexes, mark);
        *self = Self::default();
        Ok(true)
    }
}
