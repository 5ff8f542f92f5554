//! What comes from one address of those who want to be peers: with tokens, with requests, with other
//! identities. Where this is kept is not known here.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::origin::Origin;

/// Wrong tokens from one address within [`WINDOW_MS`].
const MOST_WRONG: u32 = 5;
/// Questions of all kinds, good ones too: each costs a look at signatures, or a place.
const MOST_ASKED: u32 = 30;
const WINDOW_MS: u64 = 60_000;
/// Addresses remembered at once; when they are full, no stranger may try until the window is over.
const MOST_ORIGINS: usize = 4_096;

/// Too much came from this address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tries came from this address: try again in {seconds} s")]
pub struct TooManyTries {
    /// Until the next try.
    pub seconds: u64,
}

/// The tries. `now_ms` of every call is in milliseconds since 1970.
#[derive(Debug, Default)]
pub struct PairingTries(HashMap<Origin, Tried>);

#[derive(Debug)]
struct Tried {
    since_ms: u64,
    asked: u32,
    wrong: u32,
}

impl Tried {
    /// Also over where the clock was set back.
    fn is_over(&self, now_ms: u64) -> bool {
        now_ms < self.since_ms || now_ms - self.since_ms >= WINDOW_MS
    }

    fn is_spent(&self) -> bool {
        self.asked >= MOST_ASKED || self.wrong >= MOST_WRONG
    }
}

impl PairingTries {
    /// Counts a question from this address.
    ///
    /// # Errors
    /// [`TooManyTries`]; it does not count then.
    pub fn ask(&mut self, now_ms: u64, from: IpAddr) -> Result<(), TooManyTries> {
        self.check(now_ms, from)?;
        self.of(now_ms, from).asked += 1;
        Ok(())
    }

    /// A token from this address was wrong.
    pub fn wrong(&mut self, now_ms: u64, from: IpAddr) {
        self.of(now_ms, from).wrong += 1;
    }

    /// Whether one more question from this address would be heard.
    ///
    /// # Errors
    /// [`TooManyTries`].
    pub fn check(&mut self, now_ms: u64, from: IpAddr) -> Result<(), TooManyTries> {
        let origin = Origin::of(from);
        let wait_ms = match self.0.get(&origin) {
            Some(tried) if tried.is_over(now_ms) => {
                self.0.remove(&origin);
                None
            }
            Some(tried) => {
                let left = WINDOW_MS.saturating_sub(now_ms - tried.since_ms);
                tried.is_spent().then_some(left)
            }
            None => {
                if self.0.len() >= MOST_ORIGINS {
                    self.0.retain(|_, tried| !tried.is_over(now_ms));
                }
                (self.0.len() >= MOST_ORIGINS).then_some(WINDOW_MS)
            }
        };
        let seconds = wait_ms.map(|wait_ms| wait_ms.div_ceil(1_000));
        seconds.map_or(Ok(()), |seconds| Err(TooManyTries { seconds }))
    }

    fn of(&mut self, now_ms: u64, from: IpAddr) -> &mut Tried {
        let fresh = Tried { since_ms: now_ms, asked: 0, wrong: 0 };
        self.0.entry(Origin::of(from)).or_insert(fresh)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn who_guesses_waits_and_others_do_not() {
        let mut tries = PairingTries::default();
        for _ in 0..5 {
            assert_eq!(tries.ask(0, address(1)), Ok(()));
            tries.wrong(0, address(1));
        }
        assert_eq!(tries.ask(10_000, address(1)), Err(TooManyTries { seconds: 50 }));
        assert_eq!(tries.ask(10_000, address(2)), Ok(()));
        assert_eq!(tries.ask(WINDOW_MS, address(1)), Ok(()));
    }

    #[test]
    fn who_asks_without_end_waits_too() {
        let mut tries = PairingTries::default();
        let heard = (0..1_000).filter(|_| tries.ask(7, address(1)).is_ok()).count();
        assert_eq!(heard, 30);
        assert_eq!(tries.ask(7 + WINDOW_MS, address(1)), Ok(()));
    }

    #[test]
    fn tries_from_everywhere_take_no_memory() {
        let mut tries = PairingTries::default();
        for number in 0..10_000 {
            let _ = tries.ask(0, address(number));
        }
        assert_eq!(tries.0.len(), MOST_ORIGINS);
        assert_eq!(tries.ask(0, address(20_000)), Err(TooManyTries { seconds: 60 }));
        assert_eq!(tries.ask(WINDOW_MS, address(20_000)), Ok(()));
    }
}
