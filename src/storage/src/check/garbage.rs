//! The queue of what is to leave, by database.

use std::collections::{HashMap, HashSet};

use super::Check;
use super::marked::Marked;
use crate::database::DatabaseId;
use crate::error::StorageError;
use crate::keys::{self, MARK_KEY, Waste};
use crate::records;
use crate::snapshot::Snapshot;

/// What of one database is noted to leave.
#[derive(Debug, Default)]
pub(super) struct Noted {
    pub(super) bodies: Marked,
    pub(super) contents: HashSet<[u8; 32]>,
    pub(super) uploads: HashSet<[u8; 16]>,
    /// Whether there may be more, which could not be read.
    pub(super) is_partial: bool,
}

impl Check<'_> {
    /// What is noted, by database, and whether all of it could be read.
    pub(super) fn garbage(
        &mut self,
        snapshot: &Snapshot,
    ) -> Result<(HashMap<DatabaseId, Noted>, bool), StorageError> {
        let mut noted: HashMap<DatabaseId, Noted> = HashMap::new();
        let keyspace = &snapshot.shared().keyspaces.garbage;
        let is_whole = self.each_row(snapshot, keyspace, &[], &mut |check, key, row| {
            if *key == MARK_KEY {
                return Ok(());
            }
            let Some((_, database, waste)) = keys::garbage_of(&key) else {
                check.problem(format_args!("garbage: the key {key:?} cannot be read"));
                return Ok(());
            };
            check.readable(records::decode_garbage(&row).map(|_| ()), format_args!("garbage"))?;
            check.checked.garbage += 1;
            let noted = noted.entry(database).or_default();
            match waste {
                Waste::Body(sequence) => noted.bodies.mark(sequence),
                Waste::Content(content) => drop(noted.contents.insert(content)),
                Waste::Upload(upload) => drop(noted.uploads.insert(upload)),
            }
            Ok(())
        })?;
        Ok((noted, is_whole))
    }
}
