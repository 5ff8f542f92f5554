//! How many handshakes strangers may cost us: so many a second from one address, so many under way at
//! once. Decided before the first byte of TLS is read.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::allowance::Allowance;
use crate::origin::Origin;

/// Addresses remembered at once; the rest share one allowance, so that memory has a bound.
const MOST_ADDRESSES: usize = 4_096;

/// The limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// A second, from one address.
    pub per_second: u32,
    /// At once from an address that was quiet before.
    pub burst: u32,
    /// Under way in all.
    pub under_way: u32,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may begin its handshake; tell [`HandshakeLimiter::ended`] when that is over.
    Allow,
    /// It is closed at once.
    Refuse,
}

/// Counts handshakes. `now_ms` is of a clock that never goes back.
#[derive(Debug)]
pub struct HandshakeLimiter {
    limits: HandshakeLimits,
    under_way: u32,
    allowances: HashMap<Origin, Allowance>,
    /// Of all for whom there was no place.
    shared: Allowance,
}

impl Default for HandshakeLimits {
    /// Those of the mesh: 5 a second from one address, a burst of 10, 50 in all.
    fn default() -> Self {
        Self { per_second: 5, burst: 10, under_way: 50 }
    }
}

impl HandshakeLimits {
    fn of_one(self) -> Allowance {
        Allowance::new(self.per_second.into(), self.burst.into())
    }
}

impl HandshakeLimiter {
    /// With nothing under way.
    #[must_use]
    pub fn new(limits: HandshakeLimits) -> Self {
        Self { limits, under_way: 0, allowances: HashMap::new(), shared: limits.of_one() }
    }

    /// A connection came in.
    pub fn begin(&mut self, now_ms: u64, address: IpAddr) -> Admission {
        if self.under_way >= self.limits.under_way {
            return Admission::Refuse;
        }
        let fresh = self.limits.of_one();
        let origin = Origin::of(address);
        if !self.allowances.contains_key(&origin) && self.allowances.len() >= MOST_ADDRESSES {
            self.allowances.retain(|_, one| !one.is_full(now_ms));
        }
        let room = self.allowances.len() < MOST_ADDRESSES;
        let allowance = if room || self.allowances.contains_key(&origin) {
            self.allowances.entry(origin).or_insert(fresh)
        } else {
            &mut self.shared
        };
        if !allowance.take(now_ms) {
            return Admission::Refuse;
        }
        self.under_way += 1;
        Admission::Allow
    }

    /// A handshake that was allowed is over, however it went.
    pub fn ended(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Handshakes under way.
    #[must_use]
    pub const fn under_way(&self) -> u32 {
        self.under_way
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn v4(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    /// Allowed handshakes of so many attempts, each ended at once.
    fn allowed(limiter: &mut HandshakeLimiter, attempts: u32, now_ms: u64, from: IpAddr) -> u32 {
        let mut count = 0;
        for _ in 0..attempts {
            if limiter.begin(now_ms, from) == Admission::Allow {
                limiter.ended();
                count += 1;
            }
        }
        count
    }

    #[test]
    fn an_address_gets_its_burst_and_then_five_a_second() {
        let mut limiter = HandshakeLimiter::new(HandshakeLimits::default());
        assert_eq!(allowed(&mut limiter, 100, 0, v4(1)), 10);
        let later: u32 = (1..=100).map(|step| allowed(&mut limiter, 3, step * 100, v4(1))).sum();
        assert_eq!(later, 50);
        assert_eq!(allowed(&mut limiter, 100, 3_600_000, v4(1)), 10);
    }

    #[test]
    fn one_address_costs_another_nothing() {
        let mut limiter = HandshakeLimiter::new(HandshakeLimits::default());
        assert_eq!(allowed(&mut limiter, 100, 0, v4(1)), 10);
        assert_eq!(allowed(&mut limiter, 100, 0, v4(2)), 10);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_are_one() {
        let mut limiter = HandshakeLimiter::new(HandshakeLimits::default());
        let host = |host: u128| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) | host));
        let count: u32 = (0..50).map(|one| allowed(&mut limiter, 1, 0, host(one))).sum();
        assert_eq!(count, 10);
        let mapped = IpAddr::from(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        assert_eq!(allowed(&mut limiter, 50, 0, mapped), 10);
        assert_eq!(allowed(&mut limiter, 50, 0, Ipv4Addr::LOCALHOST.into()), 0);
    }

    #[test]
    fn fifty_are_under_way_and_no_more() {
        let mut limiter = HandshakeLimiter::new(HandshakeLimits::default());
        for number in 0..50 {
            assert_eq!(limiter.begin(0, v4(number)), Admission::Allow);
        }
        assert_eq!(limiter.begin(0, v4(99)), Admission::Refuse);
        limiter.ended();
        assert_eq!(limiter.begin(0, v4(99)), Admission::Allow);
        assert_eq!(limiter.under_way(), 50);
    }

    #[test]
    fn a_flood_of_addresses_takes_no_memory_and_spares_the_known() {
        let mut limiter = HandshakeLimiter::new(HandshakeLimits::default());
        let flood: u32 = (0..10_000).map(|one| allowed(&mut limiter, 1, 0, v4(one))).sum();
        assert_eq!(flood, 4_096 + 10);
        assert_eq!(limiter.allowances.len(), MOST_ADDRESSES);
        assert_eq!(allowed(&mut limiter, 1, 0, v4(1)), 1);
        // A little later the quiet ones are forgotten, and there is room again.
        assert_eq!(allowed(&mut limiter, 100, 1_000, v4(20_000)), 10);
    }
}
