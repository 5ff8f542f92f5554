//! Compactions, on a thread of their own: the engine's one worker flushes memtables and nothing
//! else, so that no commit waits behind a compaction. The same thread seals memtables that rest,
//! lets a keyspace give disk back when much of it is dead, and drops what no reader can see.

mod pace;
mod policy;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use fjall::compaction::Leveled;
use fjall::{AbstractTree, Keyspace, OwnedWriteBatch, PersistMode};
use lsm_tree::compaction::PullDown;

pub(crate) use pace::{Pace, Paces};
use policy::{Figures, LEVELS, Occasion};

use crate::keys::MARK_KEY;
use crate::store::Shared;

/// Tables of the first level at which they are merged into the next.
const FIRST_LEVEL_TABLES: u8 = 4;
/// Tables of the first level at which a compaction that gives disk back goes as fast as it can: at
/// 20 the engine slows commits down.
const CROWDED_TABLES: usize = 10;
/// Size of a table. Four of them make the first level below, and so the longest usual merge.
const TABLE_BYTES: u64 = 32 * 1024 * 1024;

/// How often the thread looks. A memtable fills in more than this.
const LOOK: Duration = Duration::from_millis(50);
/// Without a commit for so long a node counts as quiet.
const QUIET: Duration = Duration::from_secs(3);
/// How long a compaction that failed waits for its next try.
const NEXT_TRY: Duration = Duration::from_secs(30);
/// Memtables that rest are sealed when they hold this much together, or hold a journal back.
const RESTING_BYTES: u64 = 1024 * 1024;
/// How long a flush is waited for.
const FLUSH_PATIENCE: Duration = Duration::from_secs(30);
/// Snapshots that are opened and closed so that the engine looks for the oldest one that is open:
/// it does so at every ten thousandth.
const SNAPSHOTS_UNTIL_A_LOOK: usize = 10_000;

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
        if let Err(error) = state.step(&shared) {
            tracing::error!(%error, "a compaction failed; it is tried again");
            state.next_try = Instant::now() + NEXT_TRY;
        }
        drop(shared);
        std::thread::sleep(LOOK);
    }
}

struct State {
    commits: u64,
    last_commit: Instant,
    next_try: Instant,
    /// Tables were merged since old versions were dropped.
    old_versions: bool,
}

impl State {
    fn new() -> Self {
        let now = Instant::now();
        Self { commits: 0, last_commit: now, next_try: now, old_versions: true }
    }

    fn step(&mut self, shared: &Arc<Shared>) -> Result<(), fjall::Error> {
        let _turn = turn(shared);
        self.old_versions |= shared.keep_in_shape()?;
        let commits = shared.commits.load(Ordering::Relaxed);
        if commits != self.commits {
            self.commits = commits;
            self.last_commit = Instant::now();
        }
        if Instant::now() < self.next_try {
            return Ok(());
        }
        let quiet = self.last_commit.elapsed() >= QUIET;
        if quiet {
            shared.seal_what_rests()?;
        }
        let occasion = if quiet { Occasion::Quiet } else { Occasion::Busy };
        for keyspace in shared.keyspaces.all() {
            if figures(keyspace).gives_back(occasion) {
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
    Figures {
        disk_bytes: keyspace.disk_space(),
        rows: tree.approximate_len() as u64,
        removals: tree.tombstone_count(),
        stale_bytes: tree.stale_blob_bytes(),
        tables,
    }
}

impl Shared {
    /// Merges tables as the levels ask for; answers whether any were.
    fn keep_in_shape(&self) -> Result<bool, fjall::Error> {
        let mut keyspaces = self.keyspaces.all();
        keyspaces.sort_by_key(|one| std::cmp::Reverse(one.tree.level_table_count(0)));
        let mut merged = false;
        for keyspace in keyspaces {
            merged |= self.merge_by_level(keyspace)?;
        }
        Ok(merged)
    }

    fn merge_by_level(&self, keyspace: &Keyspace) -> Result<bool, fjall::Error> {
        let strategy = Leveled::default()
            .with_l0_threshold(FIRST_LEVEL_TABLES)
            .with_table_target_size(TABLE_BYTES);
        let before = figures(keyspace).tables;
        keyspace.tree.compact(Arc::new(strategy), self.oldest_seen())?;
        Ok(before != figures(keyspace).tables)
    }

    /// The same while the tables of one keyspace's level `busy` are being merged.
    fn keep_in_shape_beside(&self, merging: &Keyspace, busy: u8) -> Result<(), fjall::Error> {
        for keyspace in self.keyspaces.all() {
            if keyspace != merging {
                self.merge_by_level(keyspace)?;
                continue;
            }
            let figures = figures(keyspace);
            let waiting = figures.tables.first().copied().unwrap_or_default();
            if waiting >= usize::from(FIRST_LEVEL_TABLES)
                && let Some((from, to)) = figures.step_beside(busy)
            {
                keyspace.tree.compact(Arc::new(PullDown(from, to)), self.oldest_seen())?;
            }
        }
        Ok(())
    }

    /// The number below which no open snapshot looks.
    fn oldest_seen(&self) -> u64 {
        self.database.supervisor.snapshot_tracker.get_seqno_safe_to_gc()
    }

    /// Seals memtables that nobody writes to where they hold much, or journals back.
    fn seal_what_rests(&self) -> Result<(), fjall::Error> {
        let holds_much = self.database.write_buffer_size() >= RESTING_BYTES;
        let hides_much = self.unsealed.load(Ordering::Relaxed) >= policy::LEAST_QUIET_BYTES;
        if holds_much || hides_much || self.database.journal_count() > 1 {
            self.unsealed.store(0, Ordering::Relaxed);
            self.seal(|_| true)?;
            self.wait_for_flush();
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
        let mut sealed = 0;
        for keyspace in chosen {
            sealed += usize::from(keyspace.rotate_memtable()?);
        }
        Ok(sealed)
    }

    fn wait_for_flush(&self) {
        let started = Instant::now();
        let waits = || self.keyspaces.all().iter().any(|one| one.sealed_memtable_count() > 0);
        while waits() && started.elapsed() < FLUSH_PATIENCE && !self.pace.is_stopping() {
            std::thread::sleep(LOOK / 10);
        }
    }

    /// Merges all of a keyspace into its last level, where rows and their removals vanish; answers
    /// whether it came to its end.
    fn give_back(
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
        let _watch = self.watch(keyspace, from);
        let strategy = Arc::new(PullDown(from, to));
        self.pace.run(|| keyspace.tree.compact(strategy, self.oldest_seen()))
    }

    /// Merges, while a long compaction runs, what piles up behind it, and hurries it where that
    /// does not help.
    fn watch(self: &Arc<Self>, merging: &Keyspace, busy: u8) -> Watch {
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let (store, merging) = (Arc::downgrade(self), merging.clone());
        let name = "refuge-compaction-beside".to_owned();
        let watching = std::thread::Builder::new().name(name).spawn(move || {
            use std::sync::mpsc::RecvTimeoutError::Timeout;
            while end.recv_timeout(LOOK) == Err(Timeout) {
                let Some(shared) = store.upgrade() else { return };
                if let Err(error) = shared.keep_in_shape_beside(&merging, busy) {
                    tracing::warn!(%error, "a compaction beside another failed");
                }
                let crowded = |one: &&Keyspace| one.tree.l0_run_count() >= CROWDED_TABLES;
                if shared.keyspaces.all().iter().any(crowded) {
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

    /// Makes the engine look for the oldest snapshot that is open.
    fn find_oldest_seen(&self) {
        for _ in 0..SNAPSHOTS_UNTIL_A_LOOK {
            drop(self.database.snapshot());
        }
    }

    /// Lets go of tables that only readers of the past could see; answers whether there were no
    /// such readers.
    fn drop_old_versions(&self) -> Result<bool, fjall::Error> {
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
        }
        Ok(all)
    }

    /// Compacts everything now; answers whether it came to its end.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn compact_now(self: &Arc<Self>) -> Result<bool, fjall::Error> {
        let _turn = turn(self);
        for keyspace in self.keyspaces.all() {
            if figures(keyspace).gives_back(Occasion::Asked)
                && !self.give_back(keyspace, Occasion::Asked)?
            {
                return Ok(false);
            }
        }
        self.drop_old_versions()
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

/// Held by whoever compacts.
pub(crate) type Turn = Mutex<()>;
