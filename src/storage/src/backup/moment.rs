//! The keyspaces of one moment, from which rows can be read more than once, and from any key on: whoever made
//! half of a backup goes on with the other half.
//!
//! A table version is held for each keyspace, which keeps tables that merges replaced on disk, and the
//! memtables of that moment; nothing that is written later.

use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use fjall::{AbstractTree, Keyspace};
use lsm_tree::{AnyTree, BlobTree, Guard, Tree};

use super::rows::{Row, Rows};
use super::{Backup, Databases, Keys, Stretch, stretches_of};
use crate::database::DatabaseRecord;
use crate::error::StorageError;
use crate::keyspaces::Keyspaces;
use crate::snapshot::{Lifetime, Snapshot};

/// How often chunks can be read from one moment. Values that stand apart are only found by an iterator that
/// was opened while the moment was the present, and an iterator is read once: so many are opened at the
/// beginning. One that nobody reads holds nothing but the version of the tables that the others hold as well.
const READS_OF_CHUNKS: usize = 9;

/// The rows of an iterator; none for each that is not wanted.
type Iterating = Box<dyn Iterator<Item = Result<Option<Row>, StorageError>> + Send>;

/// Reads the rows of a stretch behind a key, or from its beginning; none where that was done too often.
type Opening = Box<dyn Fn(Option<&[u8]>) -> Option<Iterating> + Send + Sync>;

/// What backups of one moment are read from. It holds the open database until it is dropped.
pub struct BackupMoment {
    /// In the order in which they are read.
    stretches: Vec<(Stretch, Opening)>,
    // Last: tables that merges replaced meanwhile leave with the rows, while the directory is locked.
    _lifetime: Lifetime,
}

impl Snapshot {
    /// All of this moment, or what belongs to some databases.
    ///
    /// Every stretch is opened here, and the snapshot itself let go: a stretch holds its keyspace as it was,
    /// while an open snapshot would make the engine keep in memory all that is written as long as the backup
    /// takes.
    #[must_use]
    pub fn for_backups(self, only: Option<Vec<DatabaseRecord>>) -> BackupMoment {
        let keyspaces = &self.shared().keyspaces;
        let stretches = match &only {
            None => (0..keyspaces.all().len()).map(Stretch::whole).collect(),
            Some(records) => stretches_of(keyspaces, records),
        };
        let moment = self.view().seqno();
        let only = only.map(|records| Arc::new(Databases::of(&records)));
        let open = |stretch: Stretch| {
            let keyspace = keyspaces.all().get(stretch.keyspace).copied()?;
            let wanted = Wanted { only: only.clone(), keys: keys_of(keyspaces, keyspace) };
            let opening = opening(keyspace, &stretch, moment, wanted);
            Some((stretch, opening))
        };
        let stretches = stretches.into_iter().filter_map(open).collect();
        BackupMoment { stretches, _lifetime: self.into_lifetime() }
    }

    /// A backup that is read once.
    #[cfg(test)]
    pub(super) fn backup(self, only: Option<Vec<DatabaseRecord>>) -> Backup {
        Arc::new(self.for_backups(only)).read(None).unwrap()
    }
}

impl BackupMoment {
    /// Reads all rows, or those behind a place that [`place_behind`](super::place_behind) told; none where
    /// this moment was read too often.
    #[must_use]
    pub fn read(self: &Arc<Self>, behind: Option<&[u8]>) -> Option<Backup> {
        let behind = behind.and_then(<[u8]>::split_first);
        let behind = behind.map(|(keyspace, key)| (usize::from(*keyspace), key));
        let mut rows = Vec::with_capacity(self.stretches.len());
        for (stretch, open) in &self.stretches {
            let key = match behind {
                Some(place) if stretch.is_before(place) => continue,
                Some((keyspace, key)) if keyspace == stretch.keyspace => Some(key),
                _ => None,
            };
            rows.push(Rows { keyspace: stretch.keyspace, iterator: open(key)? });
        }
        rows.reverse();
        Some(Backup { rows, _moment: Arc::clone(self) })
    }
}

impl Stretch {
    /// Whether all of it stands before a place.
    fn is_before(&self, (keyspace, key): (usize, &[u8])) -> bool {
        let ends = matches!(&self.high, Bound::Excluded(high) if high.as_slice() <= key);
        self.keyspace < keyspace || (self.keyspace == keyspace && ends)
    }

    /// Its bounds, or those of what is behind a key.
    fn bounds(&self, behind: Option<&[u8]>) -> (Bound<Vec<u8>>, Bound<Vec<u8>>) {
        let low = match (&self.low, behind) {
            (Bound::Included(low), Some(key)) if key < low.as_slice() => self.low.clone(),
            (_, Some(key)) => Bound::Excluded(key.to_vec()),
            (_, None) => self.low.clone(),
        };
        (low, self.high.clone())
    }
}

/// Which rows of a keyspace are taken; of those that belong to other databases the values are not read, which
/// may stand apart and be large.
#[derive(Clone)]
struct Wanted {
    /// The databases; none for everything.
    only: Option<Arc<Databases>>,
    keys: Keys,
}

impl Wanted {
    fn takes(&self, key: &[u8]) -> bool {
        self.only.as_ref().is_none_or(|databases| databases.hold(self.keys, key))
    }
}

fn keys_of(keyspaces: &Keyspaces, keyspace: &Keyspace) -> Keys {
    match keyspace {
        keyspace if *keyspace == keyspaces.databases => Keys::Registry,
        keyspace if *keyspace == keyspaces.garbage => Keys::Garbage,
        keyspace if *keyspace == keyspaces.expiries => Keys::Expiries,
        _ => Keys::OfDatabases,
    }
}

fn opening(keyspace: &Keyspace, stretch: &Stretch, moment: u64, wanted: Wanted) -> Opening {
    match &keyspace.tree {
        AnyTree::Standard(tree) => anywhere(tree, stretch.clone(), moment, wanted),
        AnyTree::Blob(tree) => so_often(tree, stretch, moment, wanted),
    }
}

/// Seeks in the tables as they were.
fn anywhere(tree: &Tree, stretch: Stretch, moment: u64, wanted: Wanted) -> Opening {
    let version = tree.get_version_history_lock().get_version_for_snapshot(moment);
    Box::new(move |behind| {
        let bounds = stretch.bounds(behind);
        let rows = Tree::create_internal_range(version.clone(), &bounds, moment, None);
        let wanted = wanted.clone();
        Some(Box::new(rows.map(move |row| {
            let row = row.map_err(fjall::Error::from)?;
            let taken = wanted.takes(&row.key.user_key);
            Ok(taken.then_some((row.key.user_key, row.value)))
        })))
    })
}

/// Reads an iterator from its beginning, without the values of what stands before the key.
fn so_often(tree: &BlobTree, stretch: &Stretch, moment: u64, wanted: Wanted) -> Opening {
    let range = || tree.range::<Vec<u8>, _>(stretch.bounds(None), moment, None);
    let unread: Vec<_> = (0..READS_OF_CHUNKS).map(|_| range()).collect();
    let unread = Mutex::new(unread);
    Box::new(move |behind| {
        let rows = unread.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        let behind = behind.map(<[u8]>::to_vec);
        let wanted = wanted.clone();
        let is_taken = move |key: &fjall::UserKey| {
            behind.as_ref().is_none_or(|place| **key > **place) && wanted.takes(key)
        };
        Some(Box::new(rows.map(move |row| {
            let (key, value) = row.into_inner_if(&is_taken).map_err(fjall::Error::from)?;
            Ok(value.map(|value| (key, value)))
        })))
    })
}
