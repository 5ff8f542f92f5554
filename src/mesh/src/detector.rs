//! When silence becomes suspicious: the phi accrual failure detector (Hayashibara, Défago, Yared,
//! Katayama 2004). What is done about a suspicion is decided by the machine.
//!
//! Phi is minus the logarithm to base 10 of how probable a silence of this length is while the other
//! side lives. The paper takes the silences as normally distributed. A link is one TCP connection,
//! where a heartbeat that is lost comes after a retransmission, or two, the pause doubling each time,
//! and everything behind it waits: with a share `p` of segments lost, a delay of more than
//! `r * (2^k - 1)` has the probability `p^k`. So here the delay beyond the promised interval is taken as
//! distributed like that, with `p` from the share of heartbeats that came late.

use std::collections::VecDeque;

/// How a detector counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DetectorOptions {
    /// How often the other side promises to be heard.
    pub heartbeat_ms: u64,
    /// Suspicion begins here.
    pub suspect_phi: f64,
    /// Beyond this the other side counts as gone.
    pub down_phi: f64,
}

/// Listens to one peer. Times are milliseconds of a clock that never goes back.
#[derive(Clone, Debug)]
pub struct FailureDetector {
    options: DetectorOptions,
    /// The pause before the first retransmission.
    retransmission_ms: f64,
    heard_ms: u64,
    /// Of the latest silences, whether each was late.
    window: VecDeque<bool>,
    late: usize,
}

/// Silences remembered: minutes of a link that beats every second, so that one that was bad is trusted again
/// soon.
const WINDOW: usize = 200;
/// Late ones that prove nothing: a busy machine has such too.
const FORGIVEN: usize = 2;
/// A share is taken of so many at least.
const LEAST_WINDOW: usize = 50;
/// A link without losses is taken for one with 3 %: it may become one.
const LEAST_LOSS: f64 = 0.03;
/// Beyond this the connection is of no use, and waiting longer of none either.
const MOST_LOSS: f64 = 0.12;
/// The least that TCP waits before it sends again, on the systems that we know.
const RETRANSMISSION_MS: f64 = 200.0;
/// Whatever phi says, a silence beyond the promise that is longer than this is the end.
const LONGEST_BEYOND_MS: f64 = 17_000.0;

impl Default for DetectorOptions {
    /// On a link without losses: suspicion after 2.4 s, gone after 4.3 s. At 10 % loss: 5.5 s and 17 s.
    fn default() -> Self {
        Self { heartbeat_ms: 1_000, suspect_phi: 4.5, down_phi: 6.3 }
    }
}

impl FailureDetector {
    /// One that hears the peer for the first time now.
    #[must_use]
    pub fn new(options: DetectorOptions, now_ms: u64) -> Self {
        Self {
            options,
            retransmission_ms: RETRANSMISSION_MS,
            heard_ms: now_ms,
            window: VecDeque::with_capacity(WINDOW),
            late: 0,
        }
    }

    /// The other side was heard.
    pub fn heard(&mut self, now_ms: u64) {
        let silence = now_ms.saturating_sub(self.heard_ms);
        self.heard_ms = self.heard_ms.max(now_ms);
        // Of bytes in quick succession only the last begins a silence.
        if silence < self.options.heartbeat_ms / 2 {
            return;
        }
        let beyond = silence.saturating_sub(self.options.heartbeat_ms);
        let is_late = beyond as f64 > self.retransmission_ms * 0.75;
        if self.window.len() == WINDOW && self.window.pop_front() == Some(true) {
            self.late -= 1;
        }
        self.window.push_back(is_late);
        self.late += usize::from(is_late);
    }

    /// The other side promises another interval.
    pub fn promised(&mut self, heartbeat_ms: u64) {
        self.options.heartbeat_ms = heartbeat_ms;
    }

    /// A way there and back takes so long: TCP waits longer before it sends again where it is long.
    pub fn round_trip(&mut self, milliseconds: u64) {
        self.retransmission_ms = RETRANSMISSION_MS.max(100.0 + milliseconds as f64);
    }

    /// When the other side was last heard.
    #[must_use]
    pub const fn heard_at(&self) -> u64 {
        self.heard_ms
    }

    /// How improbable the silence is by now, as a power of ten.
    #[must_use]
    pub fn phi(&self, now_ms: u64) -> f64 {
        let silence = now_ms.saturating_sub(self.heard_ms);
        let beyond = silence.saturating_sub(self.options.heartbeat_ms) as f64;
        (1.0 + beyond / self.retransmission_ms).log2() * self.phi_of_a_loss()
    }

    /// When phi passes the threshold of suspicion if nothing is heard.
    #[must_use]
    pub fn suspect_at(&self) -> u64 {
        self.passes_at(self.options.suspect_phi)
    }

    /// When phi passes the threshold beyond which the other side counts as gone.
    #[must_use]
    pub fn down_at(&self) -> u64 {
        self.passes_at(self.options.down_phi)
    }

    /// The share of segments that is lost, as estimated: from 0.03 to 0.12.
    #[must_use]
    pub fn loss(&self) -> f64 {
        let late = self.late.saturating_sub(FORGIVEN) as f64;
        (late / self.window.len().max(LEAST_WINDOW) as f64).clamp(LEAST_LOSS, MOST_LOSS)
    }

    fn phi_of_a_loss(&self) -> f64 {
        -self.loss().log10()
    }

    fn passes_at(&self, phi: f64) -> u64 {
        let pauses = (phi / self.phi_of_a_loss()).exp2() - 1.0;
        let beyond = (pauses * self.retransmission_ms).min(LONGEST_BEYOND_MS);
        self.heard_ms + self.options.heartbeat_ms + beyond.ceil() as u64
    }
}

#[cfg(test)]
mod tests;
