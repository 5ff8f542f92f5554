//! How fast a compaction may go. A compaction of the engine cannot be slowed or stopped from
//! outside, but it asks a filter about each row: this one keeps every row, lets what was written reach
//! the disk, rests when it is ahead of its limit, and ends the compaction with an error when the engine is being closed. What an
//! ended one wrote is left for the next start to delete, which is why none is ended before.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use fjall::compaction::filter::{
    CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict,
};
use refuge_failpoints::{Failpoint, pass};

use crate::compaction::gradual::Gradual;
use crate::compaction::{QUIET, Quiet};

/// Bytes between two looks at the clock.
const LOOK_BYTES: u64 = 64 * 1024;

/// What a row that stands apart counts for: about what most of them take.
const SEPARATE_BYTES: u64 = 128 * 1024;

/// Longest rest at once, so that a changed limit is seen soon.
const LONGEST_REST: Duration = Duration::from_millis(100);

/// So many times the limit is the pace while nobody commits.
const QUIET_FACTOR: u64 = 16;

/// The pace of one engine's compactions that give disk back. Others are not held up.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Whether anybody commits.
    pub(crate) quiet: Quiet,
    /// 0 for as fast as it goes.
    pub(crate) bytes_per_second: AtomicU64,
    /// The engine is being closed.
    stopping: AtomicBool,
    /// The compaction under way shall come to its end, as others wait for it.
    hurrying: AtomicBool,
}

thread_local! {
    /// Set while a compaction of the present thread has to keep a pace.
    static PACED: RefCell<Option<Arc<Pace>>> = const { RefCell::new(None) };
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            quiet: Quiet::after(QUIET),
            bytes_per_second: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            hurrying: AtomicBool::new(false),
        }
    }
}

impl Pace {
    /// Bytes a second that a compaction may go through now; 0 for as many as it can.
    fn limit(&self) -> u64 {
        let limit = self.bytes_per_second.load(Ordering::Relaxed);
        match self.hurrying.load(Ordering::Relaxed) {
            true => 0,
            false if self.quiet.is_quiet() => limit.saturating_mul(QUIET_FACTOR),
            false => limit,
        }
    }

    /// Ends all compactions of the engine.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Lets the compaction under way go as fast as it can.
    pub(crate) fn hurry(&self) {
        self.hurrying.store(true, Ordering::Release);
    }

    /// Runs a compaction at this pace; answers whether it came to its end.
    pub(crate) fn run(
        self: &Arc<Self>,
        compaction: impl FnOnce() -> Result<(), lsm_tree::Error>,
    ) -> Result<bool, fjall::Error> {
        self.hurrying.store(false, Ordering::Release);
        PACED.with(|paced| *paced.borrow_mut() = Some(Arc::clone(self)));
        let result = compaction();
        PACED.with(|paced| *paced.borrow_mut() = None);
        match result {
            Ok(()) => Ok(true),
            Err(_) if self.is_stopping() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Makes the filters of one engine.
pub(crate) struct Paces(pub(crate) Arc<Pace>);

impl Factory for Paces {
    fn name(&self) -> &str {
        "pace"
    }

    fn make_filter(&self, _context: &Context) -> Box<dyn CompactionFilter> {
        let paced = PACED.with(|paced| paced.borrow().clone());
        Box::new(Filter {
            limited: paced.is_some(),
            pace: paced.unwrap_or_else(|| Arc::clone(&self.0)),
            gradual: Gradual::of_this_thread(),
            bytes: 0,
            looked: Instant::now(),
        })
    }
}

/// The filter of one compaction.
struct Filter {
    limited: bool,
    pace: Arc<Pace>,
    gradual: Gradual,
    /// Since the last look.
    bytes: u64,
    looked: Instant,
}

impl Filter {
    fn look(&mut self) -> Result<(), lsm_tree::Error> {
        pass(Failpoint::MergeHalf);
        if self.pace.is_stopping() {
            let reason = std::io::Error::other("the engine is being closed");
            return Err(lsm_tree::Error::Io(reason));
        }
        let limit = if self.limited { self.pace.limit() } else { 0 };
        if let Some(due) = self.bytes.saturating_mul(1_000_000).checked_div(limit) {
            let due = Duration::from_micros(due);
            let rest = due.saturating_sub(self.looked.elapsed());
            if !rest.is_zero() {
                std::thread::sleep(rest.min(LONGEST_REST));
            }
        }
        self.bytes = 0;
        self.looked = Instant::now();
        Ok(())
    }
}

impl CompactionFilter for Filter {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        self.bytes += item.key().len() as u64;
        self.bytes +=
            if item.is_indirection() { SEPARATE_BYTES } else { item.value()?.len() as u64 };
        if self.bytes >= LOOK_BYTES {
            self.gradual.wrote(self.bytes);
            self.look()?;
        }
        Ok(Verdict::Keep)
    }
}
