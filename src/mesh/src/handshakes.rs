//! How many handshakes others may cost us: so many a second from one address, so many a second and under
//! way at once in all. When strangers use all of it up there is room left that is kept for addresses of
//! friends. Decided before the first byte of TLS is read.

mod friends;

use std::collections::HashMap;
use std::net::IpAddr;

use crate::allowance::Allowance;
use crate::origin::Origin;
pub use friends::FriendlyAddresses;

/// Addresses remembered at once, so that memory has a bound. Those that have rested are forgotten when there
/// are more, and the rooms let in far too few for so many that have not.
const MOST_ADDRESSES: usize = 4_096;

/// The limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// A second, from one address.
    pub per_second: u32,
    /// At once from an address that was quiet before.
    pub burst: u32,
    /// For everybody.
    pub common: HandshakeRoom,
    /// Beside that for addresses of friends, when the common room is full.
    pub kept: HandshakeRoom,
}

/// How many handshakes of all addresses together are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeRoom {
    /// A second, and at once after a rest.
    pub per_second: u32,
    /// Under way.
    pub under_way: u32,
}

/// The room that a handshake has its place in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakePlace {
    /// That of everybody.
    Common,
    /// The one that is kept for friends.
    Kept,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may begin its handshake; tell [`HandshakeLimiter::ended`] when that is over.
    Allow(HandshakePlace),
    /// It is closed at once.
    Refuse,
}

/// Counts handshakes. `now_ms` is of a clock that never goes back.
#[derive(Debug)]
pub struct HandshakeLimiter {
    limits: HandshakeLimits,
    common: Room,
    kept: Room,
    allowances: HashMap<Origin, Allowance>,
}

#[derive(Debug)]
struct Room {
    most: u32,
    under_way: u32,
    allowance: Allowance,
}

impl Default for HandshakeLimits {
    /// Those of the mesh: 5 a second from one address, a burst of 10; 50 a second and 50 under way in all; for
    /// friends as many a second once more, and half as many under way. A handshake takes 2 to 3 ms of a
    /// processor, so strangers cost at most a sixth of one.
    fn default() -> Self {
        Self {
            per_second: 5,
            burst: 10,
            common: HandshakeRoom { per_second: 50, under_way: 50 },
            kept: HandshakeRoom { per_second: 50, under_way: 25 },
        }
    }
}

impl HandshakeLimits {
    /// Those of the mesh for a node that has so many connections at most: handshakes that take their time hold no
    /// more than a quarter of these, and friends' an eighth.
    #[must_use]
    pub fn for_connections(most: usize) -> Self {
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let mut limits = Self::default();
        limits.common.under_way = limits.common.under_way.min((most / 4).max(1));
        limits.kept.under_way = limits.kept.under_way.min((most / 8).max(1));
        limits
    }
}

impl Room {
    fn new(limits: HandshakeRoom) -> Self {
        let per_second = limits.per_second.into();
        let allowance = Allowance::new(per_second, per_second);
        Self { most: limits.under_way, under_way: 0, allowance }
    }

    /// What is left of its allowance once one more has begun; none where no more may.
    fn left(&self, now_ms: u64) -> Option<Allowance> {
        let mut left = self.allowance;
        (self.under_way < self.most && left.take(now_ms)).then_some(left)
    }
}

impl HandshakeLimiter {
    /// With nothing under way.
    #[must_use]
    pub fn new(limits: HandshakeLimits) -> Self {
        Self {
            limits,
            common: Room::new(limits.common),
            kept: Room::new(limits.kept),
            allowances: HashMap::new(),
        }
    }

    /// A connection came in. Whether a friend is at its address is asked only where everybody's room is full.
    pub fn begin(
        &mut self,
        now_ms: u64,
        address: IpAddr,
        is_friend: impl FnOnce() -> bool,
    ) -> Admission {
        let common = self.common.left(now_ms).map(|left| (HandshakePlace::Common, left));
        let kept = || {
            let left = self.kept.left(now_ms).filter(|_| is_friend());
            left.map(|left| (HandshakePlace::Kept, left))
        };
        let Some((place, left)) = common.or_else(kept) else { return Admission::Refuse };
        if !self.take(now_ms, Origin::of(address)) {
            return Admission::Refuse;
        }
        let room = self.room(place);
        room.allowance = left;
        room.under_way += 1;
        Admission::Allow(place)
    }

    /// A handshake that was allowed is over, however it went.
    pub fn ended(&mut self, place: HandshakePlace) {
        let room = self.room(place);
        room.under_way = room.under_way.saturating_sub(1);
    }

    /// Handshakes under way.
    #[must_use]
    pub const fn under_way(&self) -> u32 {
        self.common.under_way + self.kept.under_way
    }

    fn room(&mut self, place: HandshakePlace) -> &mut Room {
        match place {
            HandshakePlace::Common => &mut self.common,
            HandshakePlace::Kept => &mut self.kept,
        }
    }

    /// Whether one address may begin one more.
    fn take(&mut self, now_ms: u64, origin: Origin) -> bool {
        let is_known = self.allowances.contains_key(&origin);
        if !is_known && self.allowances.len() >= MOST_ADDRESSES {
            self.allowances.retain(|_, one| !one.is_full(now_ms));
        }
        if !is_known && self.allowances.len() >= MOST_ADDRESSES {
            return false;
        }
        let HandshakeLimits { per_second, burst, .. } = self.limits;
        let fresh = Allowance::new(per_second.into(), burst.into());
        self.allowances.entry(origin).or_insert(fresh).take(now_ms)
    }
}

#[cfg(test)]
mod tests;
