//! Merges of tables: what the levels ask for, and what gives disk back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use fjall::compaction::Leveled;
use fjall::{AbstractTree, Keyspace};
use lsm_tree::compaction::{CompactionStrategy, PullDown};
use refuge_failpoints::{Failpoint, pass};

use crate::compaction::back_off::BackOff;
use crate::compaction::policy::{
    FIRST_LEVEL_TABLES, Figures, LEVELS, Occasion, TABLE_BYTES, has_room,
};
use crate::compaction::{LOOK, NEXT_MERGE, figures, gradual};
use crate::store::Shared;

/// Tables of the first level at which a compaction that gives disk back goes as fast as it can, and
/// one that is short of room begins all the same: at 20 the engine slows commits down, and at 30 it
/// holds them until there are fewer.
const CROWDED_TABLES: usize = 10;

fn is_crowded(keyspace: &Keyspace) -> bool {
    keyspace.tree.l0_run_count() >= CROWDED_TABLES
}

impl Shared {
    /// Merges tables as the levels ask for; answers whether any were.
    pub(super) fn keep_in_shape(&self) -> Result<bool, fjall::Error> {
        let mut keyspaces = self.keyspaces.all();
        keyspaces.sort_by_key(|one| std::cmp::Reverse(one.tree.level_table_count(0)));
        let mut merged = false;
        for keyspace in keyspaces {
            merged |= self.merge_by_level(keyspace, 0)?;
        }
        Ok(merged)
    }

    /// Does so in one keyspace where the disk has room for it, of which others may take `taken` bytes,
    /// or where commits would soon be held.
    fn merge_by_level(&self, keyspace: &Keyspace, taken: u64) -> Result<bool, fjall::Error> {
        let before = figures(keyspace);
        let has_room = has_room(before.merge_bytes(), taken, self.space.seen());
        if !has_room && !is_crowded(keyspace) {
            return Ok(false);
        }
        let strategy = Leveled::default()
            .with_l0_threshold(FIRST_LEVEL_TABLES)
            .with_table_target_size(TABLE_BYTES);
        self.merge(keyspace, Arc::new(strategy))?;
        let merged = before.tables != figures(keyspace).tables;
        if merged {
            pass(Failpoint::MergeEnd);
        }
        Ok(merged)
    }

    /// The same while the tables of one keyspace's level `busy` are being merged, which may take
    /// `taken` bytes.
    fn keep_in_shape_beside(
        &self,
        merging: &Keyspace,
        busy: u8,
        taken: u64,
    ) -> Result<(), fjall::Error> {
        for keyspace in self.keyspaces.all() {
            if keyspace != merging {
                self.merge_by_level(keyspace, taken)?;
                continue;
            }
            let figures = figures(keyspace);
            let waiting = figures.tables.first().copied().unwrap_or_default();
            if waiting >= usize::from(FIRST_LEVEL_TABLES)
                && let Some((from, to)) = figures.step_beside(busy)
                && has_room(figures.step_bytes(from, to), taken, self.space.seen())
            {
                self.merge(keyspace, Arc::new(PullDown(from, to)))?;
            }
        }
        Ok(())
    }

    /// Merges what a strategy chooses. The engine keeps the tree locked, and every commit waiting, while
    /// it syncs the last table of a merge and while it deletes those that nobody sees any more: the one is
    /// short because most of the table was synced before, the other deletes nothing because they are held.
    fn merge(
        &self,
        keyspace: &Keyspace,
        strategy: Arc<dyn CompactionStrategy>,
    ) -> Result<(), lsm_tree::Error> {
        let oldest = self.oldest_seen();
        let compact = || keyspace.tree.compact(strategy, oldest);
        self.retired.hold(keyspace, || gradual::merge(keyspace.path(), compact))
    }

    /// Whether the disk has room for a keyspace to give disk back.
    pub(super) fn has_room_to_give_back(&self, figures: &Figures) -> bool {
        has_room(figures.give_back_bytes(), 0, self.space.seen())
    }

    /// Merges all of a keyspace into its last level, where rows and their removals vanish; answers
    /// whether it came to its end.
    pub(super) fn give_back(
        self: &Arc<Self>,
        keyspace: &Keyspace,
        occasion: Occasion,
    ) -> Result<bool, fjall::Error> {
        if occasion != Occasion::Busy {
            self.seal(|one| one == keyspace)?;
            self.wait_for_flush();
        }
        self.find_oldest_seen();
        let started = Instant::now();
        let before = keyspace.disk_space();
        // Each step empties a level; more can only come from above meanwhile.
        for _ in 0..LEVELS {
            let Some((from, to)) = figures(keyspace).next_step() else { break };
            if !self.pull_down(keyspace, from, to)? {
                return Ok(false);
            }
            pass(Failpoint::GiveBackStep);
        }
        // What the steps above found stale is moved, or dropped, by one that sees it.
        let last = LEVELS as u8 - 1;
        if figures(keyspace).stale_bytes > 0 && !self.pull_down(keyspace, last, last)? {
            return Ok(false);
        }
        let now = keyspace.disk_space();
        self.given_back.fetch_add(before.saturating_sub(now), Ordering::Relaxed);
        tracing::debug!(
            keyspace = &**keyspace.name(),
            before,
            now,
            milliseconds = started.elapsed().as_millis(),
            "a keyspace gave disk back"
        );
        Ok(true)
    }

    fn pull_down(
        self: &Arc<Self>,
        keyspace: &Keyspace,
        from: u8,
        to: u8,
    ) -> Result<bool, fjall::Error> {
        let taken = figures(keyspace).step_bytes(from, to);
        let _watch = self.watch(keyspace, from, taken);
        let strategy = Arc::new(PullDown(from, to));
        let ended = self.pace.run(|| self.merge(keyspace, strategy))?;
        pass(Failpoint::MergeEnd);
        Ok(ended)
    }

    /// Merges, while a long compaction runs, what piles up behind it, and hurries it where that
    /// does not help.
    fn watch(self: &Arc<Self>, merging: &Keyspace, busy: u8, taken: u64) -> Watch {
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let (store, merging) = (Arc::downgrade(self), merging.clone());
        let name = "refuge-compaction-beside".to_owned();
        let watching = std::thread::Builder::new().name(name).spawn(move || {
            use std::sync::mpsc::RecvTimeoutError::Timeout;
            let mut merges = BackOff::of(NEXT_MERGE);
            while end.recv_timeout(LOOK) == Err(Timeout) {
                let Some(shared) = store.upgrade() else { return };
                shared.retired.let_go();
                if merges.is_over(Instant::now())
                    && !shared.space.seen().is_exhausted()
                    && let Err(error) = shared.keep_in_shape_beside(&merging, busy, taken)
                {
                    tracing::warn!(%error, "a compaction beside another failed");
                    merges.failed(Instant::now());
                }
                if shared.keyspaces.all().into_iter().any(is_crowded) {
                    shared.pace.hurry();
                }
            }
        });
        match watching {
            Ok(thread) => Watch { ended: Some(ended), thread: Some(thread) },
            Err(error) => {
                tracing::warn!(%error, "cannot watch a compaction");
                Watch { ended: None, thread: None }
            }
        }
    }
}

/// Ends the watching when it is dropped.
struct Watch {
    ended: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.ended.take());
        if let Some(thread) = self.thread.take() {
            // It panics with the compaction it watches at the worst.
            let _ = thread.join();
        }
    }
}
