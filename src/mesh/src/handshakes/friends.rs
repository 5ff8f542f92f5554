//! Which addresses are those of friends: where they are known to listen, and from where they came of late.
//! Addresses of hosts alone, whatever the port; names of hosts are not looked up.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::net::SocketAddr;

use crate::origin::Origin;

/// Addresses from which friends came that are remembered; with more the oldest goes.
const MOST_LATELY: usize = 4_096;
/// For so long they are: an address may be somebody else's the next day.
const LATELY_MS: u64 = 24 * 60 * 60 * 1_000;

/// The addresses. `now_ms` is of a clock that never goes back.
#[derive(Debug, Default)]
pub struct FriendlyAddresses {
    known: HashSet<Origin>,
    /// When a friend last came from there.
    lately: HashMap<Origin, u64>,
}

impl FriendlyAddresses {
    /// Friends listen at these, each `host:port`, and no more at those that were told before.
    pub fn know<T: AsRef<str>>(&mut self, addresses: impl IntoIterator<Item = T>) {
        let host = |address: T| {
            let address = address.as_ref().parse::<SocketAddr>().ok()?;
            Some(Origin::of(address.ip()))
        };
        self.known = addresses.into_iter().filter_map(host).collect();
    }

    /// A friend came from there, as its certificate proved.
    pub fn came(&mut self, now_ms: u64, address: IpAddr) {
        let origin = Origin::of(address);
        if self.lately.len() >= MOST_LATELY && !self.lately.contains_key(&origin) {
            let oldest = self.lately.iter().min_by_key(|(_, came_ms)| **came_ms);
            if let Some(oldest) = oldest.map(|(oldest, _)| *oldest) {
                self.lately.remove(&oldest);
            }
        }
        self.lately.insert(origin, now_ms);
    }

    /// Whether a friend is, or was of late, at this address.
    #[must_use]
    pub fn includes(&self, now_ms: u64, address: IpAddr) -> bool {
        let origin = Origin::of(address);
        let is_late = |came_ms: &u64| now_ms.saturating_sub(*came_ms) < LATELY_MS;
        self.known.contains(&origin) || self.lately.get(&origin).is_some_and(is_late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn where_friends_listen_counts_whatever_the_port() {
        let mut friends = FriendlyAddresses::default();
        friends.know(["192.0.2.1:6984", "[2001:db8::1]:6984", "home.example.org:6984"]);
        for friend in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "2001:db8::2"] {
            assert!(friends.includes(0, ip(friend)), "{friend}");
        }
        for stranger in ["192.0.2.2", "2001:db8:1::1"] {
            assert!(!friends.includes(0, ip(stranger)), "{stranger}");
        }
        friends.know(["192.0.2.2:1"]);
        assert!(friends.includes(0, ip("192.0.2.2")) && !friends.includes(0, ip("192.0.2.1")));
    }

    #[test]
    fn where_a_friend_came_from_counts_for_a_day() {
        let mut friends = FriendlyAddresses::default();
        friends.came(5, ip("192.0.2.1"));
        friends.know(Vec::<String>::new());
        assert!(friends.includes(5, ip("192.0.2.1")));
        assert!(friends.includes(LATELY_MS + 4, ip("192.0.2.1")));
        assert!(!friends.includes(LATELY_MS + 5, ip("192.0.2.1")));
    }

    #[test]
    fn of_many_places_the_oldest_is_forgotten() {
        let mut friends = FriendlyAddresses::default();
        let address = |number: u32| IpAddr::from(std::net::Ipv4Addr::from_bits(number));
        for number in 0..5_000 {
            friends.came(number.into(), address(number));
        }
        assert_eq!(friends.lately.len(), MOST_LATELY);
        assert!(!friends.includes(5_000, address(0)) && friends.includes(5_000, address(4_999)));
    }
}
