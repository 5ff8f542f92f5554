//! How many requests one address may make: the generic cell rate algorithm, which keeps one moment for
//! each address. Who asks, and what is answered, is not decided here.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::client_network::network;

/// Addresses that are remembered: 4 MiB or so. One more is let in without being counted, until others
/// have been quiet for a second.
const MOST_ADDRESSES: usize = 65_536;

/// What an address may have ahead: the requests of one second at once.
const AHEAD: Duration = Duration::from_secs(1);

/// The pace of all addresses; clones share it.
#[derive(Clone, Debug)]
pub struct RequestRate {
    per_second: u32,
    addresses: Arc<Mutex<Addresses>>,
}

#[derive(Debug)]
struct Addresses {
    /// Until when the requests of each would take, at the pace allowed.
    busy_until: HashMap<IpAddr, Instant>,
    forget_at: Instant,
}

impl RequestRate {
    /// So many requests a second, at least one.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let addresses = Addresses { busy_until: HashMap::new(), forget_at: Instant::now() };
        Self { per_second: per_second.max(1), addresses: Arc::new(Mutex::new(addresses)) }
    }

    /// The limit, for whoever is told of it.
    pub(crate) fn per_second(&self) -> u32 {
        self.per_second
    }

    /// Counts a request of an address; where that is one too many, after how long it may come again.
    pub(crate) fn admit(&self, address: IpAddr) -> Result<(), Duration> {
        let now = Instant::now();
        let address = network(address);
        let each = Duration::from_secs(1) / self.per_second;
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if !addresses.has_place_for(address, now) {
            return Ok(());
        }
        let busy_until = addresses.busy_until.entry(address).or_insert(now);
        let next = (*busy_until).max(now) + each;
        match (next - now).checked_sub(AHEAD).filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(wait),
            None => {
                *busy_until = next;
                Ok(())
            }
        }
    }
}

impl Addresses {
    fn has_place_for(&mut self, address: IpAddr, now: Instant) -> bool {
        if self.busy_until.len() >= MOST_ADDRESSES && self.forget_at <= now {
            self.busy_until.retain(|_, busy_until| *busy_until > now);
            self.forget_at = now + AHEAD;
        }
        self.busy_until.len() < MOST_ADDRESSES || self.busy_until.contains_key(&address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_of_requests_comes_at_once_and_more_at_the_pace() {
        let rate = RequestRate::new(4);
        let (one, other) = (address("10.0.0.1"), address("10.0.0.2"));
        for _ in 0..4 {
            assert_eq!(rate.admit(one), Ok(()));
        }
        assert_eq!(rate.admit(one), Err(Duration::from_millis(250)));
        assert_eq!(rate.admit(other), Ok(()));
        tokio::time::advance(Duration::from_millis(250)).await;
        assert_eq!(rate.admit(one), Ok(()));
        assert_eq!(rate.admit(one), Err(Duration::from_millis(250)));
        tokio::time::advance(Duration::from_secs(60)).await;
        for _ in 0..4 {
            assert_eq!(rate.admit(one), Ok(()));
        }
        assert!(rate.admit(one).is_err(), "rest is not saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn one_client_has_a_whole_network_of_addresses() {
        let rate = RequestRate::new(1);
        assert_eq!(rate.admit(address("2001:db8::1")), Ok(()));
        assert!(rate.admit(address("2001:db8::ffff:2")).is_err());
        assert_eq!(rate.admit(address("2001:db8:0:1::1")), Ok(()));
        assert_eq!(rate.admit(address("::ffff:10.0.0.1")), Ok(()));
        assert!(rate.admit(address("10.0.0.1")).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn memory_does_not_grow_with_the_number_of_addresses() {
        let rate = RequestRate::new(1);
        for number in 0..MOST_ADDRESSES as u32 + 10 {
            assert_eq!(rate.admit(IpAddr::V4(number.into())), Ok(()));
        }
        assert!(rate.admit(IpAddr::V4(7.into())).is_err(), "those that are known are counted");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(rate.admit(address("192.168.0.1")), Ok(()));
        assert_eq!(rate.addresses.lock().unwrap().busy_until.len(), 1);
    }
}
