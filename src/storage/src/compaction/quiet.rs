//! Whether a node is quiet: upkeep may then take the disk, and what rests is worth being sealed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts writes, and tells whether they have ceased for a while.
#[derive(Debug)]
pub(crate) struct Quiet {
    writes: AtomicU64,
    /// Without a write for so long it is quiet.
    after: Duration,
    /// The number that was seen at the last look, and since when it is that.
    seen: Mutex<(u64, Instant)>,
}

impl Quiet {
    pub(crate) fn after(after: Duration) -> Self {
        Self { writes: AtomicU64::new(0), after, seen: Mutex::new((0, Instant::now())) }
    }

    /// Notes a write.
    pub(crate) fn wrote(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there was no write for a while, as far as looks tell: who looks seldom hears of it late.
    pub(crate) fn is_quiet(&self) -> bool {
        let writes = self.writes.load(Ordering::Relaxed);
        // Two numbers that are always written together.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != writes {
            *seen = (writes, Instant::now());
        }
        seen.1.elapsed() >= self.after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_ends_the_quiet_at_once() {
        let quiet = Quiet::after(Duration::ZERO);
        assert!(quiet.is_quiet());
        let patient = Quiet::after(Duration::from_secs(3600));
        assert!(!patient.is_quiet());
        patient.seen.lock().unwrap().1 = Instant::now().checked_sub(patient.after).unwrap();
        assert!(patient.is_quiet());
        patient.wrote();
        assert!(!patient.is_quiet());
    }
}
