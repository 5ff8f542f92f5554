//! Wrong tokens, by where they came from.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::origin::Origin;

/// Wrong tries from one address within [`WINDOW_MS`].
const MOST_WRONG: u32 = 5;
const WINDOW_MS: u64 = 60_000;
/// Addresses remembered at once; when they are full, no stranger may try until the window is over.
const MOST_ORIGINS: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Tries(HashMap<Origin, Wrong>);

#[derive(Debug)]
struct Wrong {
    since_ms: u64,
    count: u32,
}

impl Wrong {
    /// Also over where the clock was set back.
    fn is_over(&self, now_ms: u64) -> bool {
        now_ms < self.since_ms || now_ms - self.since_ms >= WINDOW_MS
    }
}

impl Tries {
    /// How long this address has to wait, where it has to.
    pub(super) fn wait(&mut self, now_ms: u64, from: IpAddr) -> Option<u64> {
        let origin = Origin::of(from);
        match self.0.get(&origin) {
            Some(wrong) if wrong.is_over(now_ms) => {
                self.0.remove(&origin);
                None
            }
            Some(wrong) if wrong.count >= MOST_WRONG => {
                Some(WINDOW_MS.saturating_sub(now_ms - wrong.since_ms))
            }
            Some(_) => None,
            None => {
                if self.0.len() >= MOST_ORIGINS {
                    self.0.retain(|_, wrong| !wrong.is_over(now_ms));
                }
                (self.0.len() >= MOST_ORIGINS).then_some(WINDOW_MS)
            }
        }
    }

    pub(super) fn wrong(&mut self, now_ms: u64, from: IpAddr) {
        let fresh = Wrong { since_ms: now_ms, count: 0 };
        self.0.entry(Origin::of(from)).or_insert(fresh).count += 1;
    }
}
