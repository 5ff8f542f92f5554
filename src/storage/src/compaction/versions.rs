//! Old versions of the tables leave once no reader sees them.

use fjall::{AbstractTree, OwnedWriteBatch, PersistMode};
use refuge_failpoints::{Failpoint, pass};

use crate::keys::MARK_KEY;
use crate::store::Shared;

/// Snapshots that are opened and closed so that the engine looks for the oldest one that is open:
/// it does so at every ten thousandth.
const SNAPSHOTS_UNTIL_A_LOOK: usize = 10_000;

impl Shared {
    /// The number below which no open snapshot looks.
    pub(super) fn oldest_seen(&self) -> u64 {
        self.database.supervisor.snapshot_tracker.get_seqno_safe_to_gc()
    }

    /// Makes the engine look for the oldest snapshot that is open.
    pub(super) fn find_oldest_seen(&self) {
        for _ in 0..SNAPSHOTS_UNTIL_A_LOOK {
            drop(self.database.snapshot());
        }
    }

    /// Lets go of tables that only readers of the past could see; answers whether there were no
    /// such readers.
    pub(super) fn drop_old_versions(&self) -> Result<bool, fjall::Error> {
        // A version counts as old once something younger than its successor was written.
        let mut mark = OwnedWriteBatch::with_capacity(self.database.clone(), 1)
            .durability(Some(PersistMode::Buffer));
        mark.insert(&self.keyspaces.garbage, MARK_KEY, [1]);
        mark.commit()?;
        self.find_oldest_seen();
        let mut all = true;
        for keyspace in self.keyspaces.all() {
            let mut versions = keyspace.tree.get_version_history_lock();
            versions.maintenance(keyspace.path(), self.oldest_seen())?;
            all &= versions.free_list_len() == 0;
            drop(versions);
            self.retired.let_go();
            pass(Failpoint::OldVersionsHalf);
        }
        Ok(all)
    }
}
