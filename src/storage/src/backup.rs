//! All rows of one moment as a sequence of blocks, and an empty data directory filled from such blocks. Where
//! blocks travel and how they are packed is not known here.
//!
//! A block is a sequence of rows of one keyspace, in the order of their keys: the keyspace's number (one
//! byte), then for each row the lengths of key and value (four bytes each, little-endian), key, value.

mod moment;
mod restoring;
mod rows;

use std::collections::HashSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::database::{DatabaseId, DatabaseRecord};
use crate::error::StorageError;
use crate::keys::{self, RegistryKey};
use crate::keyspaces::Keyspaces;

pub use moment::BackupMoment;
pub(crate) use restoring::forget;
pub use restoring::{RestoreError, Restoring, settle, unfinished_restore};
use rows::Rows;

/// A block is given out when it has come to this: large enough to be packed well, small enough to be held a
/// few times.
const BLOCK_BYTES: usize = 1024 * 1024;
/// A block is given out as well when so many rows were looked at for it, so that whoever reads is asked now and then
/// whether it is still wanted, also where nearly all rows belong to others: some tens of milliseconds.
const BLOCK_ROWS: usize = 50_000;
/// A backup of more databases than these reads whole keyspaces, and leaves out what belongs to others: every
/// stretch is open from the beginning to its end.
const MOST_BY_THEMSELVES: usize = 64;

/// Some rows of a backup; none, where no row that was looked at is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupBlock {
    /// The rows.
    pub bytes: Vec<u8>,
    /// How many.
    pub rows: u64,
}

/// The place behind a block: the number of its keyspace (one byte) and its last key; none where it is no
/// block of rows.
#[must_use]
pub fn place_behind(block: &[u8]) -> Option<Vec<u8>> {
    let (keyspace, mut rest) = block.split_first()?;
    let mut last = None;
    while !rest.is_empty() {
        last = Some(rows::take(&mut rest)?.0);
    }
    Some([&[*keyspace], last?].concat())
}

/// Which part of a keyspace is taken.
#[derive(Clone)]
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

/// A backup under way. It holds its moment until it is dropped.
pub struct Backup {
    /// What is still to be taken, the next at the end.
    rows: Vec<Rows>,
    /// Last: what it holds leaves after the rows.
    _moment: Arc<BackupMoment>,
}

/// What the keys of a keyspace tell of whose a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Registry,
    Garbage,
    Expiries,
    /// They begin with the database.
    OfDatabases,
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

    /// Whether a row belongs to some of them.
    fn hold(&self, keys: Keys, key: &[u8]) -> bool {
        let database = match keys {
            Keys::Registry => return is_of_registry(key, self),
            Keys::Garbage => keys::garbage_of(key).map(|(_, database, _)| database),
            Keys::Expiries => keys::expiry_of(key).map(|(_, database, _)| database),
            Keys::OfDatabases => keys::database_of(key),
        };
        database.is_some_and(|database| self.ids.contains(&database))
    }
}

/// Those of the databases in the order of their numbers, so that a keyspace's keys ascend; and of the
/// keyspaces whose keys begin otherwise all, of which [`Databases::hold`] chooses, as it does where there
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
    /// The next rows; `None` at the end.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn next_block(&mut self) -> Result<Option<BackupBlock>, StorageError> {
        let Some(rows) = self.rows.pop() else { return Ok(None) };
        let (block, rest) = block(rows)?;
        self.rows.extend(rest);
        Ok(Some(block))
    }
}

/// One block of rows, and the rest of them.
fn block(mut rows: Rows) -> Result<(BackupBlock, Option<Rows>), StorageError> {
    let mut block = BackupBlock { bytes: vec![rows.keyspace as u8], rows: 0 };
    for _ in 0..BLOCK_ROWS {
        match rows.iterator.next().transpose()? {
            None => return Ok((block, None)),
            Some(None) => {}
            Some(Some((key, value))) => {
                rows::write(&mut block.bytes, &key, &value);
                block.rows += 1;
            }
        }
        if block.bytes.len() >= BLOCK_BYTES {
            break;
        }
    }
    Ok((block, Some(rows)))
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
