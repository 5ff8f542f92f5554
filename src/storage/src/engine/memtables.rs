//! When memtables are sealed and when the writer waits for them: fjall's own request for it is
//! put out of reach (see `keyspaces`).

use std::time::{Duration, Instant};

use fjall::{AbstractTree, Keyspace};

use crate::engine::Engine;
use crate::error::CommitError;
use crate::memory;

/// Sealed memtables of one keyspace at which the writer waits. At 4 fjall itself sleeps, 100 ms
/// at a time and for ever where its worker died.
const MOST_SEALED: usize = 3;

/// How often a waiting writer looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// How long the writer waits for the flusher before it gives up. A flush of one memtable takes
/// far less than a second even on a slow disk.
const PATIENCE: Duration = Duration::from_secs(60);

fn active_bytes(keyspace: &Keyspace) -> u64 {
    keyspace.tree.active_memtable().size()
}

impl Engine {
    /// Seals memtables that have grown past their limit: to be called after each write, once its
    /// answers are given.
    ///
    /// A failure poisons the engine: what was committed stays committed.
    pub fn maintain(&mut self) {
        let limit = self.options.memtable_bytes;
        let sealed = self.seal(|keyspace| active_bytes(keyspace) >= limit);
        match sealed {
            Ok(0) => {}
            Ok(_) => memory::judge(&self.shared, self.options.memory_bytes),
            Err(error) => {
                tracing::error!(%error, "cannot seal a memory table");
                self.poisoned = true;
            }
        }
    }

    fn seal(&self, wanted: impl Fn(&Keyspace) -> bool) -> Result<usize, fjall::Error> {
        self.shared.seal(wanted)
    }

    fn most_sealed(&self) -> usize {
        let keyspaces = self.shared.keyspaces.all();
        let counts = keyspaces.map(|keyspace| keyspace.sealed_memtable_count());
        counts.into_iter().max().unwrap_or(0)
    }

    /// Waits while memtables take more memory than they may.
    pub(super) fn wait_for_room(&mut self) -> Result<(), CommitError> {
        let started = Instant::now();
        loop {
            let sealed = self.most_sealed();
            let over = self.shared.database.write_buffer_size() > self.options.write_buffer_bytes;
            if sealed < MOST_SEALED && !over {
                return Ok(());
            }
            if sealed == 0 {
                // Many keyspaces hold a little each: make the largest of them room.
                let keyspaces = self.shared.keyspaces.all();
                let largest = keyspaces.iter().map(|one| active_bytes(one)).max();
                let largest = largest.unwrap_or(0);
                if largest == 0 {
                    return Ok(());
                }
                self.seal(|keyspace| active_bytes(keyspace) >= largest)?;
                continue;
            }
            if started.elapsed() > PATIENCE {
                return Err(CommitError::Stalled { seconds: PATIENCE.as_secs() });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Seals and flushes everything; `false` when it was not through in time.
    pub(super) fn flush(&mut self, budget: Duration) -> bool {
        let started = Instant::now();
        if let Err(error) = self.seal(|keyspace| active_bytes(keyspace) > 0) {
            tracing::warn!(%error, "cannot seal a memory table");
            return false;
        }
        while self.most_sealed() > 0 {
            if started.elapsed() > budget {
                return false;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        true
    }
}
