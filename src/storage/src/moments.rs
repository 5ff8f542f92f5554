//! Which moment a reader sees while a batch is being committed: the one before it.
//!
//! The engine numbers a batch, syncs it, puts its rows into the memtables and then lets readers look beyond its
//! number. A flush or a merge that ends meanwhile has a higher number and lets them look beyond that, so a
//! snapshot that is opened in these milliseconds would see the rows appear one after the other. The thread that
//! commits opens a snapshot first, therefore, and whoever wants one meanwhile gets a copy of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::{Database, Snapshot};

/// The moments of one database, of which one thread commits.
#[derive(Default)]
pub(crate) struct Moments {
    /// Odd while a batch is being committed.
    turn: AtomicU64,
    /// The moment before that batch.
    before: Mutex<Option<Snapshot>>,
}

/// Ends the turn however the commit ends.
struct Ending<'a>(&'a Moments);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.turn.fetch_add(1, Ordering::SeqCst);
        *self.0.before() = None;
    }
}

impl Moments {
    /// Runs the commit of a batch.
    pub(crate) fn commit<R>(&self, database: &Database, commit: impl FnOnce() -> R) -> R {
        *self.before() = Some(database.snapshot());
        self.turn.fetch_add(1, Ordering::SeqCst);
        let _ending = Ending(self);
        commit()
    }

    /// A snapshot that holds each batch wholly or not at all.
    pub(crate) fn open(&self, database: &Database) -> Snapshot {
        loop {
            let turn = self.turn.load(Ordering::SeqCst);
            if turn.is_multiple_of(2) {
                let snapshot = database.snapshot();
                if self.turn.load(Ordering::SeqCst) == turn {
                    return snapshot;
                }
            }
            if let Some(before) = self.before().clone() {
                return before;
            }
        }
    }

    fn before(&self) -> MutexGuard<'_, Option<Snapshot>> {
        // Replaced whole: whoever panicked left nothing half done.
        self.before.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use fjall::{KeyspaceCreateOptions, PersistMode, Readable};

    use super::*;

    #[test]
    fn readers_beside_a_writer_and_merges_see_batches_whole() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::builder(folder.path()).open().unwrap();
        let [left, right] =
            ["left", "right"].map(|name| database.keyspace(name, KeyspaceCreateOptions::default));
        let (left, right) = (left.unwrap(), right.unwrap());
        let moments = Moments::default();
        let write = |number: u32| {
            let mut batch = database.batch().durability(Some(PersistMode::SyncAll));
            batch.insert(&left, "n", number.to_be_bytes());
            batch.insert(&right, "n", number.to_be_bytes());
            moments.commit(&database, || batch.commit()).unwrap();
        };
        write(0);
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| (1..300).for_each(write));
            let turning = scope.spawn(|| {
                for _ in 0..50 {
                    left.rotate_memtable_and_wait().unwrap();
                }
            });
            while !(writing.is_finished() && turning.is_finished()) {
                let snapshot = moments.open(&database);
                let first = snapshot.get(&left, "n").unwrap();
                std::thread::yield_now();
                assert_eq!(first, snapshot.get(&right, "n").unwrap());
            }
        });
    }
}
