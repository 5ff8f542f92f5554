//! Compactions, on a thread of their own: the engine's one worker flushes memtables and nothing
//! else, so that no commit waits behind a compaction. The same thread seals memtables that rest,
//! lets a keyspace give disk back when much of it is dead, and drops what no reader can see.

mod back_off;
mod gradual;
mod merging;
mod pace;
mod policy;
mod quiet;
mod retired;
mod sealing;
mod versions;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use fjall::compaction::Leveled;
use fjall::{AbstractTree, Keyspace};

use back_off::BackOff;
pub(crate) use pace::{Pace, Paces};
use policy::{Figures, LEVELS, Occasion};
pub(crate) use quiet::Quiet;
pub(crate) use retired::Retired;

use crate::store::Shared;

/// How often the thread looks. A memtable fills in more than this.
const LOOK: Duration = Duration::from_millis(50);
/// Without a commit for so long a node counts as quiet.
pub(crate) const QUIET: Duration = Duration::from_secs(3);
/// Without a write of any kind for so long, the removal of garbage among them, all that can be known
/// to be dead is known.
pub(crate) const REST: Duration = Duration::from_secs(1);
/// How long a compaction that gives disk back waits for its next try after it failed.
const NEXT_TRY: Duration = Duration::from_secs(30);
/// The same for merges of levels: commits stall soon where tables of the first level pile up.
const NEXT_MERGE: Duration = Duration::from_secs(2);
/// The strategy that the engine's worker is given: it never finds a reason to merge.
pub(crate) fn never() -> Arc<Leveled> {
    const OUT_OF_REACH_BYTES: u64 = 1 << 50;
    let strategy = Leveled::default();
    Arc::new(strategy.with_l0_threshold(u8::MAX).with_table_target_size(OUT_OF_REACH_BYTES))
}

/// The thread; dropping it ends its compaction and then the thread.
pub(crate) struct CompactionThread {
    pace: Arc<Pace>,
}

impl CompactionThread {
    /// Starts it. It holds the store only while it works.
    pub(crate) fn start(shared: &Arc<Shared>) -> std::io::Result<Self> {
        let pace = Arc::clone(&shared.pace);
        let (store, ending) = (Arc::downgrade(shared), Arc::clone(&pace));
        let name = "refuge-compaction".to_owned();
        std::thread::Builder::new().name(name).spawn(move || run(&store, &ending))?;
        Ok(Self { pace })
    }
}

impl Drop for CompactionThread {
    fn drop(&mut self) {
        self.pace.stop();
    }
}

fn run(store: &Weak<Shared>, pace: &Pace) {
    let mut state = State::new();
    while !pace.is_stopping() {
        let Some(shared) = store.upgrade() else { return };
        state.look(&shared);
        drop(shared);
        std::thread::sleep(LOOK);
    }
}

struct State {
    merges: BackOff,
    giving_back: BackOff,
    /// Tables were merged since old versions were dropped.
    old_versions: bool,
}

impl State {
    fn new() -> Self {
        let (merges, giving_back) = (BackOff::of(NEXT_MERGE), BackOff::of(NEXT_TRY));
        Self { merges, giving_back, old_versions: true }
    }

    fn look(&mut self, shared: &Arc<Shared>) {
        let _turn = turn(shared);
        shared.retired.let_go();
        // Where nothing can be written, a flush or a merge would only fail.
        if shared.space.seen().is_exhausted() {
            return;
        }
        // Whatever became of the other: without merges commits stall.
        if self.merges.is_over(Instant::now()) {
            match shared.keep_in_shape() {
                Ok(merged) => self.old_versions |= merged,
                Err(error) => {
                    tracing::error!(%error, "a merge of tables failed; it is tried again");
                    self.merges.failed(Instant::now());
                }
            }
        }
        if self.giving_back.is_over(Instant::now())
            && let Err(error) = self.give_back(shared)
        {
            tracing::error!(%error, "a compaction failed; it is tried again");
            self.giving_back.failed(Instant::now());
        }
    }

    fn give_back(&mut self, shared: &Arc<Shared>) -> Result<(), fjall::Error> {
        // Both are looked at each time, so that neither hears of a write late.
        let (quiet, rests) = (shared.pace.quiet.is_quiet(), shared.writes.is_quiet());
        let quiet = quiet && rests;
        if quiet {
            shared.seal_what_rests()?;
        }
        let occasion = if quiet { Occasion::Quiet } else { Occasion::Busy };
        for keyspace in shared.keyspaces.all() {
            let figures = figures(keyspace);
            if figures.gives_back(occasion) && shared.has_room_to_give_back(&figures) {
                if !shared.give_back(keyspace, occasion)? {
                    return Ok(());
                }
                self.old_versions = !shared.drop_old_versions()?;
            }
        }
        if quiet && self.old_versions {
            self.old_versions = !shared.drop_old_versions()?;
        }
        Ok(())
    }
}

fn turn(shared: &Shared) -> MutexGuard<'_, ()> {
    // It guards no data: whoever panicked with it left nothing half done.
    shared.compacting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn figures(keyspace: &Keyspace) -> Figures {
    let tree = &keyspace.tree;
    let tables: [usize; LEVELS] =
        std::array::from_fn(|level| tree.level_table_count(level).unwrap_or_default());
    let version = tree.current_version();
    let mut level_bytes = [0; LEVELS];
    for (bytes, level) in level_bytes.iter_mut().zip(version.iter_levels()) {
        *bytes = level.size();
    }
    Figures {
        disk_bytes: keyspace.disk_space(),
        rows: tree.approximate_len() as u64,
        removals: tree.tombstone_count(),
        stale_bytes: tree.stale_blob_bytes(),
        tables,
        level_bytes,
    }
}

impl Shared {
    /// Compacts everything now; answers whether it came to its end.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn compact_now(self: &Arc<Self>) -> Result<bool, fjall::Error> {
        let _turn = turn(self);
        let mut all = true;
        for keyspace in self.keyspaces.all() {
            let figures = figures(keyspace);
            if !figures.gives_back(Occasion::Asked) {
                continue;
            }
            if !self.has_room_to_give_back(&figures) {
                let keyspace = &**keyspace.name();
                tracing::warn!(keyspace, "not compacted: there is too little room on the disk");
                all = false;
            } else if !self.give_back(keyspace, Occasion::Asked)? {
                return Ok(false);
            }
        }
        Ok(self.drop_old_versions()? && all)
    }
}

/// Held by whoever compacts.
pub(crate) type Turn = Mutex<()>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_give_back_holds_no_merge_up() {
        let (mut state, now) = (State::new(), Instant::now());
        state.giving_back.failed(now);
        assert!(state.merges.is_over(now) && !state.giving_back.is_over(now));
        state.merges.failed(now);
        assert!(!state.merges.is_over(now), "one that fails does not spin");
        assert!(state.merges.is_over(now + NEXT_MERGE));
        assert!(!state.giving_back.is_over(now + NEXT_MERGE));
    }
}
