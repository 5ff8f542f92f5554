//! The distributed hash table of BitTorrent (Mainline, BEP 5): under a key that follows from a node's id
//! stands where it listens. Anybody may write there, and everybody reads: it is a hint and no secret.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use mainline::async_dht::AsyncDht;
use mainline::{Dht, Id};
use refuge_mesh::NodeId;
use sha1::{Digest as _, Sha1};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Until the table is reached, and until it took or told something.
const PATIENCE: Duration = Duration::from_secs(30);
/// Addresses of one node that are taken.
const MOST_ADDRESSES: usize = 8;
/// Addresses that are looked at: whoever writes thousands under a node's key fills no memory.
const MOST_TOLD: usize = 256;

/// How the table is taken part in.
#[derive(Clone, Debug, Default)]
pub struct HashTableOptions {
    /// `host:port` of those that are asked first; none for the routers of the public table.
    pub first: Vec<String>,
    /// The address to speak from; none for all.
    pub bind: Option<Ipv4Addr>,
    /// The port of UDP to speak from; 0 picks a free one.
    pub port: u16,
}

/// Why the table cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HashTableError {
    /// There is no socket to be had, on this port or at all.
    #[error("the hash table cannot be spoken to: {0}")]
    Socket(#[from] io::Error),
    /// None of the first answered.
    #[error("nobody of the hash table answers")]
    Silent,
    /// What is announced was not taken.
    #[error("the hash table did not take the announcement: {0}")]
    Refused(String),
}

/// A part in the table; a thread of its own speaks. It speaks IPv4 alone.
pub struct HashTable {
    table: AsyncDht,
    /// Whether it is a table of one's own, whose nodes may be anywhere.
    is_private: bool,
}

impl HashTable {
    /// Takes part.
    ///
    /// # Errors
    /// [`HashTableError::Socket`], or [`HashTableError::Silent`] where nobody answers.
    pub async fn join(options: HashTableOptions) -> Result<Self, HashTableError> {
        let is_private = !options.first.is_empty();
        // Names are looked up on the way, which blocks.
        let building = spawn_blocking(move || {
            let mut builder = Dht::builder();
            if !options.first.is_empty() {
                builder.bootstrap(&options.first);
            }
            if let Some(bind) = options.bind {
                builder.bind_address(bind);
            }
            if options.port != 0 {
                builder.port(options.port);
            }
            builder.build()
        });
        let table = building.await.map_err(io::Error::other)??.as_async();
        match timeout(PATIENCE, table.bootstrapped()).await {
            Ok(true) => Ok(Self { table, is_private }),
            Ok(false) | Err(_) => Err(HashTableError::Silent),
        }
    }

    /// Writes down that a node listens on this port, at the address that the table sees this machine at.
    /// The table forgets it within the hour.
    ///
    /// # Errors
    /// [`HashTableError::Refused`].
    pub async fn announce(&self, node: &NodeId, port: u16) -> Result<(), HashTableError> {
        let announcing = self.table.announce_peer(key(node), Some(port));
        match timeout(PATIENCE, announcing).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(HashTableError::Refused(error.to_string())),
            Err(_) => Err(HashTableError::Silent),
        }
    }

    /// Where a node listens, as the table says: those first that most of it says.
    pub async fn look_up(&self, node: &NodeId) -> Vec<SocketAddr> {
        let mut told = BTreeMap::new();
        let asking = async {
            let mut answers = pin!(self.table.get_peers(key(node)));
            while let Some(answer) = answers.next().await {
                count(&mut told, answer, self.is_private);
            }
        };
        // What was told until then counts.
        let _ = timeout(PATIENCE, asking).await;
        most_told(told)
    }
}

/// Counts who was named by how many. No answer counts an address twice.
fn count(told: &mut BTreeMap<SocketAddrV4, u32>, mut answer: Vec<SocketAddrV4>, is_private: bool) {
    answer.truncate(MOST_TOLD);
    answer.retain(|address| is_dialable(*address, is_private));
    answer.sort();
    answer.dedup();
    for address in answer {
        if told.len() < MOST_TOLD || told.contains_key(&address) {
            *told.entry(address).or_default() += 1;
        }
    }
}

/// Of those that are told equally often others come first each time, so that liars shut nobody out for good.
fn most_told(told: BTreeMap<SocketAddrV4, u32>) -> Vec<SocketAddr> {
    let mut all: Vec<(SocketAddrV4, u32)> = told.into_iter().collect();
    let chance = RandomState::new();
    all.sort_by_cached_key(|(address, times)| (Reverse(*times), chance.hash_one(address)));
    all.into_iter().take(MOST_ADDRESSES).map(|(address, _)| address.into()).collect()
}

/// Nobody's word out of the public table makes this node knock within its own network.
fn is_dialable(address: SocketAddrV4, is_private: bool) -> bool {
    let host = address.ip();
    let is_a_host = !(host.is_unspecified() || host.is_broadcast() || host.is_multicast());
    let is_near = host.is_loopback() || host.is_private() || host.is_link_local();
    address.port() != 0 && is_a_host && (is_private || !is_near)
}

/// SHA-1 of `refuge:` and the node id's 32 bytes.
fn key(node: &NodeId) -> Id {
    let mut hash = Sha1::new();
    hash.update(b"refuge:");
    hash.update(node.digest());
    let digest: [u8; 20] = hash.finalize().into();
    Id::from(digest)
}

#[cfg(test)]
mod tests;
