//! All rows of one moment as a sequence of blocks, and an empty data directory filled from such blocks. Where
//! blocks travel and how they are packed is not known here.
//!
//! A block is a sequence of rows of one keyspace, in the order of their keys: the keyspace's number (one
//! byte), then for each row the lengths of key and value (four bytes each, little-endian), key, value.

mod restoring;
mod rows;

use std::collections::HashSet;
use std::ops::Bound;

use fjall::AbstractTree;
use lsm_tree::Guard;

use crate::database::{DatabaseId, DatabaseRecord};
use crate::error::StorageError;
use crate::keys::{self, RegistryKey};
use crate::keyspaces::Keyspaces;
use crate::snapshot::{Lifetime, Snapshot};

pub use restoring::{RestoreError, Restoring};
use rows::Rows;

/// A block is given out when it has come to this: large enough to be packed well, small enough to be held a
/// few times.
const BLOCK_BYTES: usize = 1024 * 1024;
/// A backup of more databases than these reads whole keyspaces, and leaves out what belongs to others: every
/// stretch is open from the beginning to its end.
const MOST_BY_THEMSELVES: usize = 64;

/// Some rows of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupBlock {
    /// The rows.
    pub bytes: Vec<u8>,
    /// How many.
    pub rows: u64,
}

/// Which part of a keyspace is taken.
struct Stretch {
    /// The keyspace's place in [`Keyspaces::all`].
    keyspace: usize,
    low: Bound<Vec<u8>>,
    high: Bound<Vec<u8>>,
}

impl Stretch {
    fn whole(keyspace: usize) -> Self {
        Self { keyspace, low: Bound::Unbounded, high: Bound::Unbounded }
    }

    fn of_database(keyspace: usize, database: DatabaseId) -> Self {
        let high = match database.0.checked_add(1) {
            Some(next) => Bound::Excluded(keys::database_prefix(DatabaseId(next)).to_vec()),
            None => Bound::Unbounded,
        };
        Self { keyspace, low: Bound::Included(keys::database_prefix(database).to_vec()), high }
    }
}

/// A backup under way. It holds the open database until it is dropped.
pub struct Backup {
    /// What is still to be taken, the next at the end.
    rows: Vec<Rows>,
    /// The databases it is of; none for everything.
    only: Option<Databases>,
    // Last: tables that merges replaced meanwhile leave with the rows, while the directory is locked.
    lifetime: Lifetime,
}

/// The databases of a backup of some.
struct Databases {
    ids: HashSet<DatabaseId>,
    names: HashSet<String>,
}

impl Databases {
    fn of(records: &[DatabaseRecord]) -> Self {
        Self {
            ids: records.iter().map(|record| record.id).collect(),
            names: records.iter().map(|record| record.name.clone()).collect(),
        }
    }
}

impl Snapshot {
    /// All of this moment, or what belongs to some databases.
    ///
    /// Every stretch is opened here, and the snapshot itself let go: a stretch holds its keyspace as it was,
    /// while an open snapshot would make the engine keep in memory all that is written as long as the backup
    /// takes.
    #[must_use]
    pub fn backup(self, only: Option<Vec<DatabaseRecord>>) -> Backup {
        let keyspaces = &self.shared().keyspaces;
        let stretches = match &only {
            None => (0..keyspaces.all().len()).map(Stretch::whole).collect(),
            Some(records) => stretches_of(keyspaces, records),
        };
        let mut rows: Vec<Rows> =
            stretches.into_iter().filter_map(|stretch| self.rows(stretch)).collect();
        rows.reverse();
        let only = only.map(|records| Databases::of(&records));
        Backup { rows, only, lifetime: self.into_lifetime() }
    }

    /// The rows of a stretch, which hold nothing but that keyspace's tables of this moment.
    fn rows(&self, stretch: Stretch) -> Option<Rows> {
        let Stretch { keyspace, low, high } = stretch;
        let tree = &self.shared().keyspaces.all().get(keyspace).copied()?.tree;
        let iterator = tree.range::<Vec<u8>, _>((low, high), self.view().seqno(), None);
        let iterator = iterator.map(|row| Ok(row.into_inner().map_err(fjall::Error::from)?));
        Some(Rows { keyspace, iterator: Box::new(iterator) })
    }
}

/// Those of the databases in the order of their numbers, so that a keyspace's keys ascend; and of the
/// keyspaces whose keys begin otherwise all, of which [`Backup::is_wanted`] chooses, as it does where there
/// are too many databases.
fn stretches_of(keyspaces: &Keyspaces, records: &[DatabaseRecord]) -> Vec<Stretch> {
    let mut databases: Vec<DatabaseId> = records.iter().map(|record| record.id).collect();
    databases.sort_by_key(|database| database.0);
    let of_databases = keyspaces.of_databases();
    let mut stretches = Vec::new();
    for (place, keyspace) in keyspaces.all().into_iter().enumerate() {
        if of_databases.contains(&keyspace) && databases.len() <= MOST_BY_THEMSELVES {
            let each = databases.iter().map(|database| Stretch::of_database(place, *database));
            stretches.extend(each);
        } else if *keyspace != keyspaces.node {
            stretches.push(Stretch::whole(place));
        }
    }
    stretches
}

impl Backup {
    /// The next rows; none at the end.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn next_block(&mut self) -> Result<Option<BackupBlock>, StorageError> {
        loop {
            let Some(rows) = self.rows.pop() else {
                return Ok(None);
            };
            let (block, rest) = self.block(rows)?;
            self.rows.extend(rest);
            if block.rows > 0 {
                return Ok(Some(block));
            }
        }
    }

    /// One block of rows, and the rest of them.
    fn block(&self, mut rows: Rows) -> Result<(BackupBlock, Option<Rows>), StorageError> {
        let mut block = BackupBlock { bytes: vec![rows.keyspace as u8], rows: 0 };
        while let Some((key, value)) = rows.iterator.next().transpose()? {
            if self.is_wanted(rows.keyspace, &key) {
                rows::write(&mut block.bytes, &key, &value);
                block.rows += 1;
            }
            if block.bytes.len() >= BLOCK_BYTES {
                return Ok((block, Some(rows)));
            }
        }
        Ok((block, None))
    }

    /// Whether a row is taken; of everything all are.
    fn is_wanted(&self, keyspace: usize, key: &[u8]) -> bool {
        let Some(databases) = &self.only else { return true };
        let keyspaces = &self.lifetime.shared.keyspaces;
        let Some(handle) = keyspaces.all().get(keyspace).copied() else { return false };
        if *handle == keyspaces.databases {
            return is_of_registry(key, databases);
        }
        let database = if *handle == keyspaces.garbage {
            keys::garbage_of(key).map(|(_, database, _)| database)
        } else if *handle == keyspaces.expiries {
            keys::expiry_of(key).map(|(_, database, _)| database)
        } else {
            keys::database_of(key)
        };
        database.is_some_and(|database| databases.ids.contains(&database))
    }
}

/// Whether a row of `databases` belongs to some of them, or to nobody in particular.
fn is_of_registry(key: &[u8], databases: &Databases) -> bool {
    match key.split_first() {
        Some((tag, name)) if *tag == RegistryKey::Name as u8 => {
            std::str::from_utf8(name).is_ok_and(|name| databases.names.contains(name))
        }
        // The next number stays: numbers are never given twice.
        Some((tag, _)) if *tag == RegistryKey::NextNumber as u8 => true,
        Some((tag, _)) if *tag == RegistryKey::Dropping as u8 => false,
        Some((_, number)) => {
            keys::database_of(number).is_some_and(|database| databases.ids.contains(&database))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests;
