//! Where nodes may be found: addresses that were told, by whom, when, and what came of trying them. All
//! sources feed one book; none is believed, since the handshake proves the node. What a person wrote into
//! a peer's document is not here: it is always tried.

use std::collections::BTreeMap;

use crate::node_id::NodeId;
use crate::peer::is_address;

/// Addresses of one node: all of the best are tried side by side.
const MOST_OF_ONE: usize = 16;
/// Nodes in the book: as many as can be peers.
const MOST_NODES: usize = 10_000;
/// An address that nobody told of for so long, and that never worked, is forgotten.
const FORGOTTEN_MS: u64 = 30 * 24 * HOUR_MS;
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// Who told of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressSource {
    /// The distributed hash table: anybody may write there.
    Table,
    /// A record past its expiry.
    OldRecord,
    /// A hub, with the node's own signature.
    Hub,
    /// An introducer.
    Introduction,
    /// The node itself, when it was paired.
    Pairing,
    /// The node itself, on the local network.
    LocalNetwork,
}

/// One address, to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookedAddress {
    /// `host:port`.
    pub address: String,
    /// Who told of it last, of those that count most.
    pub source: AddressSource,
    /// When it was told last, in milliseconds since 1970.
    pub told_ms: u64,
    /// When it last led to the node.
    pub worked_ms: Option<u64>,
    /// Attempts that failed since.
    pub failures: u32,
}

/// The book. `now_ms` of every call is in milliseconds since 1970; a clock that is set back makes nothing
/// older than new.
#[derive(Clone, Debug, Default)]
pub struct AddressBook(BTreeMap<NodeId, Vec<BookedAddress>>);

impl AddressSource {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "dht",
            Self::OldRecord => "old_record",
            Self::Hub => "hub",
            Self::Introduction => "introduction",
            Self::Pairing => "pairing",
            Self::LocalNetwork => "local_network",
        }
    }

    /// Points for having been told by this source an instant ago.
    const fn points(self) -> i64 {
        match self {
            Self::Table => 10,
            Self::OldRecord => 15,
            Self::Hub => 40,
            Self::Introduction => 30,
            Self::Pairing => 50,
            Self::LocalNetwork => 100,
        }
    }
}

impl BookedAddress {
    /// The higher, the sooner it is tried: what worked of late counts more than any word, failures count
    /// against it, and words grow old.
    #[must_use]
    pub fn score(&self, now_ms: u64) -> i64 {
        let hours = |since_ms: u64| {
            i64::try_from(now_ms.saturating_sub(since_ms) / HOUR_MS).unwrap_or(i64::MAX)
        };
        let told = (self.source.points() - hours(self.told_ms) / 12).max(0);
        let worked = self.worked_ms.map_or(0, |worked_ms| (200 - hours(worked_ms)).max(20));
        told + worked - i64::from(self.failures.min(20)) * 10
    }
}

impl AddressBook {
    /// Somebody tells of an address; whether it is one that was not in the book. What is no address is
    /// passed over.
    pub fn told(
        &mut self,
        now_ms: u64,
        node: NodeId,
        (address, source): (&str, AddressSource),
    ) -> bool {
        if !is_address(address) || (!self.0.contains_key(&node) && self.0.len() >= MOST_NODES) {
            return false;
        }
        let known = self.0.entry(node).or_default();
        if let Some(known) = known.iter_mut().find(|one| one.address == address) {
            // A lesser source does not make an address less than it was.
            if source >= known.source {
                known.source = source;
                known.told_ms = now_ms.max(known.told_ms);
            }
            return false;
        }
        let address = address.to_owned();
        known.push(BookedAddress {
            address,
            source,
            told_ms: now_ms,
            worked_ms: None,
            failures: 0,
        });
        sort(known, now_ms);
        known.retain(|one| one.worked_ms.is_some() || !is_old(one, now_ms));
        known.truncate(MOST_OF_ONE);
        known.iter().any(|one| one.told_ms == now_ms && one.source == source)
    }

    /// An address led to its node.
    pub fn worked(&mut self, now_ms: u64, node: &NodeId, address: &str) {
        if let Some(known) = self.find(node, address) {
            known.worked_ms = Some(now_ms);
            known.failures = 0;
        }
    }

    /// An address did not lead to its node.
    pub fn failed(&mut self, node: &NodeId, address: &str) {
        if let Some(known) = self.find(node, address) {
            known.failures = known.failures.saturating_add(1);
        }
    }

    /// The addresses of a node, the best first.
    #[must_use]
    pub fn of(&self, now_ms: u64, node: &NodeId) -> Vec<BookedAddress> {
        let mut all = self.0.get(node).cloned().unwrap_or_default();
        sort(&mut all, now_ms);
        all
    }

    /// Keeps what is known of some nodes, as far as it is not old.
    pub fn keep(&mut self, now_ms: u64, is_kept: impl Fn(&NodeId) -> bool) {
        self.0.retain(|node, _| is_kept(node));
        for known in self.0.values_mut() {
            known.retain(|one| !is_old(one, now_ms));
        }
        self.0.retain(|_, known| !known.is_empty());
    }

    fn find(&mut self, node: &NodeId, address: &str) -> Option<&mut BookedAddress> {
        self.0.get_mut(node)?.iter_mut().find(|one| one.address == address)
    }
}

fn is_old(one: &BookedAddress, now_ms: u64) -> bool {
    let newest = one.worked_ms.unwrap_or_default().max(one.told_ms);
    now_ms.saturating_sub(newest) >= FORGOTTEN_MS
}

fn sort(all: &mut [BookedAddress], now_ms: u64) {
    all.sort_by(|left, right| {
        let by_score = right.score(now_ms).cmp(&left.score(now_ms));
        by_score.then_with(|| left.address.cmp(&right.address))
    });
}

#[cfg(test)]
mod tests;
