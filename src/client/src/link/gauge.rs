//! How fast bodies were seen to travel. Numbers only; no clock.

use std::time::Duration;

use tokio::time::Instant;

/// A shorter body says more of the latency than of the way.
const LEAST_BYTES: u64 = 8 << 10;
/// Received slower than this, 32 Mbit/s, the way is the limit and not the packing, which gives several
/// times as much on one core.
const SLOW_RECEIVED: f64 = 4.0 * 1024.0 * 1024.0;
/// What is sent is timed up to its answer, with the work of the other end in it: a smaller number.
const SLOW_SENT: f64 = 512.0 * 1024.0;
/// So much of that time is taken for the work of the other end, and none of the link's.
const WORK: Duration = Duration::from_millis(100);
/// What is left of an earlier figure with each new one. The faster of both counts: an end that is busy
/// for a moment makes no slow link.
const FADING: f64 = 0.75;
/// After so long one body goes unpacked, to see whether the way is another by now.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// What was measured, in bytes a second.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    received: Option<f64>,
    sent: Option<f64>,
    /// When it was first seen to be slow.
    slow_since: Option<Instant>,
}

impl Gauge {
    /// So many bytes of an answer came in so long.
    pub(super) fn received(&mut self, bytes: u64, took: Duration, now: Instant) {
        note(&mut self.received, bytes, took);
        self.judge(now);
    }

    /// So many bytes of a request went out and were answered in so long.
    pub(super) fn sent(&mut self, bytes: u64, took: Duration, now: Instant) {
        note(&mut self.sent, bytes, took.saturating_sub(WORK));
        self.judge(now);
    }

    /// Whether packing makes bodies arrive sooner.
    pub(super) fn is_slow(&mut self, now: Instant) -> bool {
        match self.slow_since {
            Some(since) if now.saturating_duration_since(since) >= LOOK_AGAIN => {
                *self = Self::default();
                false
            }
            Some(_) => true,
            None => false,
        }
    }

    fn judge(&mut self, now: Instant) {
        let below = |rate: Option<f64>, limit: f64| rate.is_some_and(|rate| rate < limit);
        if below(self.received, SLOW_RECEIVED) || below(self.sent, SLOW_SENT) {
            self.slow_since.get_or_insert(now);
        } else {
            self.slow_since = None;
        }
    }
}

fn note(rate: &mut Option<f64>, bytes: u64, took: Duration) {
    if bytes < LEAST_BYTES {
        return;
    }
    // Exact enough up to 2^53 bytes.
    let seen = bytes as f64 / took.as_secs_f64().max(1e-6);
    *rate = Some(rate.map_or(seen, |known| seen.max(known * FADING)));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_slow_way_is_packed_on_and_a_fast_one_is_not() {
        let now = Instant::now();
        let mut gauge = Gauge::default();
        assert!(!gauge.is_slow(now), "nothing is known");
        gauge.received(600, SECOND, now);
        assert!(!gauge.is_slow(now), "too little to tell");
        gauge.received(60 << 10, SECOND / 2, now);
        assert!(gauge.is_slow(now));
        gauge.received(60 << 10, SECOND / 1_000, now);
        assert!(!gauge.is_slow(now), "it became fast");
        gauge.received(60 << 10, SECOND, now);
        assert!(!gauge.is_slow(now), "the other end was busy for a moment");
        for _ in 0..20 {
            gauge.received(60 << 10, SECOND, now);
        }
        assert!(gauge.is_slow(now), "it became slow");
        gauge.received(60 << 10, SECOND / 1_000, now);
        gauge.sent(20 << 10, SECOND / 11, now);
        assert!(!gauge.is_slow(now), "the other end has to think");
        let mut gauge = Gauge::default();
        gauge.sent(4 << 20, SECOND * 30, now);
        assert!(gauge.is_slow(now), "slow in the other direction");
    }

    #[test]
    fn each_direction_tells_by_itself() {
        let now = Instant::now();
        let mut gauge = Gauge::default();
        gauge.sent(64 << 10, WORK + SECOND / 4, now);
        assert!(gauge.is_slow(now), "256 KiB a second are sent");
        gauge.sent(64 << 10, WORK + SECOND / 16, now);
        assert!(!gauge.is_slow(now), "1 MiB a second is sent");
        gauge.received(64 << 10, SECOND / 32, now);
        assert!(gauge.is_slow(now), "2 MiB a second are received");
        gauge.received(64 << 10, SECOND / 128, now);
        assert!(!gauge.is_slow(now), "8 MiB a second are received");
    }

    #[test]
    fn a_way_is_looked_at_again() {
        let now = Instant::now();
        let mut gauge = Gauge::default();
        gauge.sent(1 << 20, SECOND * 8, now);
        assert!(gauge.is_slow(now + SECOND * 299));
        assert!(!gauge.is_slow(now + SECOND * 300));
        gauge.sent(1 << 20, SECOND * 8, now + SECOND * 301);
        assert!(gauge.is_slow(now + SECOND * 302));
    }
}
