//! Who knocks, before the first byte of TLS is read: asks the limiter, and tells it which addresses are
//! those of friends. Only the listener's tasks come here.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use refuge_mesh::{
    AddressSource, Admission, BookedAddress, FriendlyAddresses, HandshakeLimiter, HandshakeLimits,
    HandshakePlace, PeerRecord,
};
use refuge_otp::Names;

use crate::{address_book, peer_directory};

/// What is known of friends' addresses is gathered at most so often, and only while so many knock that it
/// matters: with thousands of friends that takes a few milliseconds.
const GATHERED_EVERY_MS: u64 = 5_000;

/// Who shook hands, and how often of late.
pub(super) struct Knocks {
    names: Names,
    board: Mutex<Board>,
}

struct Board {
    limiter: HandshakeLimiter,
    friends: FriendlyAddresses,
    gathered_ms: Option<u64>,
}

impl Knocks {
    /// With nobody there.
    pub(super) fn new(names: Names, limits: HandshakeLimits) -> Self {
        let board = Board {
            limiter: HandshakeLimiter::new(limits),
            friends: FriendlyAddresses::default(),
            gathered_ms: None,
        };
        Self { names, board: Mutex::new(board) }
    }

    /// Somebody knocks; none when he is to be sent away.
    pub(super) fn begin(self: &Arc<Self>, address: IpAddr) -> Option<Shaking> {
        let now_ms = crate::clock_ms();
        let mut board = self.board();
        let Board { limiter, friends, gathered_ms } = &mut *board;
        let is_friend = || {
            if gathered_ms.is_none_or(|then_ms| now_ms.saturating_sub(then_ms) >= GATHERED_EVERY_MS)
            {
                *gathered_ms = Some(now_ms);
                friends.know(addresses_of_friends(&self.names));
            }
            friends.includes(now_ms, address)
        };
        match limiter.begin(now_ms, address, is_friend) {
            Admission::Allow(place) => Some(Shaking { knocks: Arc::clone(self), place }),
            Admission::Refuse => None,
        }
    }

    /// A trusted node came from there.
    pub(super) fn friend_came(&self, address: IpAddr) {
        self.board().friends.came(crate::clock_ms(), address);
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where trusted nodes listen, as far as it was written, told or found.
fn addresses_of_friends(names: &Names) -> Vec<String> {
    let Some(peers) = peer_directory::peers(names) else { return Vec::new() };
    let of_one = |peer: &PeerRecord| {
        let found = address_book::found(names, &peer.id).into_iter().filter(is_worth_room);
        let mut all = peer.all_addresses();
        all.extend(found.map(|one| one.address));
        all
    };
    peers.trusted().flat_map(of_one).collect()
}

/// Whether strangers cannot have written it just to have a friend's room: it led to the friend, or somebody
/// tells of it whose word this node takes.
fn is_worth_room(found: &BookedAddress) -> bool {
    let anybody_tells = match found.source {
        AddressSource::Table | AddressSource::OldRecord | AddressSource::LocalNetwork => true,
        AddressSource::Hub | AddressSource::Introduction | AddressSource::Pairing => false,
    };
    found.worked_ms.is_some() || !anybody_tells
}

/// A handshake under way.
pub(super) struct Shaking {
    knocks: Arc<Knocks>,
    place: HandshakePlace,
}

impl Shaking {
    /// It is over, however it went; where it was counted.
    pub(super) fn ended(self) -> Arc<Knocks> {
        Arc::clone(&self.knocks)
    }
}

impl Drop for Shaking {
    fn drop(&mut self) {
        self.knocks.board().limiter.ended(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_anybody_may_tell_has_to_have_led_to_the_friend() {
        let found = |source, worked_ms| BookedAddress {
            address: "192.0.2.1:6984".to_owned(),
            source,
            told_ms: 0,
            worked_ms,
            failures: 0,
        };
        assert!(!is_worth_room(&found(AddressSource::Table, None)));
        assert!(is_worth_room(&found(AddressSource::Table, Some(1))));
        assert!(is_worth_room(&found(AddressSource::Hub, None)));
    }
}
