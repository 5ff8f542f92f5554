//! The queue of what is to leave, by database.

use std::collections::{HashMap, HashSet};

use fjall::Readable;

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
}

impl Check<'_> {
    pub(super) fn garbage(
        &mut self,
        snapshot: &Snapshot,
    ) -> Result<HashMap<DatabaseId, Noted>, StorageError> {
        let mut noted: HashMap<DatabaseId, Noted> = HashMap::new();
        for guard in snapshot.view().iter(&snapshot.shared().keyspaces.garbage) {
            let (key, row) = guard.into_inner()?;
            if *key == MARK_KEY {
                continue;
            }
            let Some((_, database, waste)) = keys::garbage_of(&key) else {
                self.problem(format_args!("garbage: the key {key:?} cannot be read"));
                continue;
            };
            self.readable(records::decode_garbage(&row).map(|_| ()), format_args!("garbage"))?;
            self.checked.garbage += 1;
            let noted = noted.entry(database).or_default();
            match waste {
                Waste::Body(sequence) => noted.bodies.mark(sequence),
                Waste::Content(content) => drop(noted.contents.insert(content)),
                Waste::Upload(upload) => drop(noted.uploads.insert(upload)),
            }
        }
        Ok(noted)
    }
}
