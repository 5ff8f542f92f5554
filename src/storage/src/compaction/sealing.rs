//! Memtables are sealed: those that rest here, those that are full by the writer.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use fjall::{Keyspace, OwnedWriteBatch, PersistMode};
use refuge_failpoints::{Failpoint, pass};

use crate::compaction::{LOOK, policy};
use crate::keys::MARK_KEY;
use crate::store::Shared;

/// Memtables that rest are sealed when they hold this much together, or hold a journal back.
const RESTING_BYTES: u64 = 1024 * 1024;
/// How long a flush is waited for.
const FLUSH_PATIENCE: Duration = Duration::from_secs(30);
impl Shared {
    /// Seals memtables that nobody writes to where they hold much, or journals back.
    pub(super) fn seal_what_rests(&self) -> Result<(), fjall::Error> {
        let holds_much = self.database.write_buffer_size() >= RESTING_BYTES;
        let hides_much = self.unsealed.load(Ordering::Relaxed) >= policy::LEAST_QUIET_BYTES;
        if holds_much || hides_much || self.database.journal_count() > 1 {
            self.unsealed.store(0, Ordering::Relaxed);
            self.seal(|_| true)?;
            self.wait_for_flush();
            pass(Failpoint::RestFlushed);
        }
        Ok(())
    }

    /// Seals the memtables that `wanted` picks; answers how many. Each gets a mark first: rows
    /// that vanish with their removals may leave nothing else of it, and a table that does not
    /// hold the newest number holds the journals back.
    pub(crate) fn seal(&self, wanted: impl Fn(&Keyspace) -> bool) -> Result<usize, fjall::Error> {
        /// A mark's row: its version.
        const MARK_ROW: [u8; 1] = [1];
        let keyspaces = self.keyspaces.all();
        let chosen: Vec<&Keyspace> = keyspaces.into_iter().filter(|one| wanted(one)).collect();
        if chosen.is_empty() {
            return Ok(0);
        }
        let mut marks = OwnedWriteBatch::with_capacity(self.database.clone(), chosen.len())
            .durability(Some(PersistMode::Buffer));
        for keyspace in &chosen {
            marks.insert(keyspace, MARK_KEY, MARK_ROW);
        }
        marks.commit()?;
        pass(Failpoint::SealMarked);
        let mut sealed = 0;
        for keyspace in chosen {
            sealed += usize::from(keyspace.rotate_memtable()?);
            if sealed == 1 {
                pass(Failpoint::SealHalf);
            }
        }
        pass(Failpoint::SealEnd);
        Ok(sealed)
    }

    pub(super) fn wait_for_flush(&self) {
        let started = Instant::now();
        let waits = || self.keyspaces.all().iter().any(|one| one.sealed_memtable_count() > 0);
        while waits() && started.elapsed() < FLUSH_PATIENCE && !self.pace.is_stopping() {
            pass(Failpoint::FlushAwaited);
            std::thread::sleep(LOOK / 10);
        }
    }
}
