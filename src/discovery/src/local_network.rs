//! Nodes of the local network: DNS-SD over multicast DNS (RFC 6762, RFC 6763), type `_refuge._tcp`, with
//! `id`, `v` and `name` in the TXT record. Where the system has a service for it (Avahi), that one
//! speaks for the node; else the node speaks for itself, which works beside a service, too.

mod multicast;
mod system_service;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use refuge_mesh::NodeId;

use self::multicast::Multicast;
use self::system_service::SystemService;

/// The version of what the TXT record says, and the only one that is understood.
pub const VERSION: &str = "1";
/// Nodes that are remembered at once: a flood of names takes no memory.
const MOST_SEEN: usize = 1_000;
/// Characters of a name: a text of the TXT record has at most 255 bytes.
const MOST_NAME: usize = 60;
/// Characters of another version that are remembered.
const MOST_VERSION: usize = 16;
/// Addresses that are taken from one answer.
const MOST_ADDRESSES: usize = 8;

/// What this node tells the network.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// Who it is.
    pub id: NodeId,
    /// What it calls itself.
    pub name: String,
    /// Where it listens, on all addresses of the machine.
    pub port: u16,
}

/// What was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalEvent {
    /// A node is there. Anybody may say so; a handshake proves it.
    Found {
        /// Who it says it is.
        id: NodeId,
        /// Where it says that it listens.
        addresses: Vec<SocketAddr>,
    },
    /// A node is there that announces itself in another version: it is passed over, and where it listens is not
    /// known.
    Foreign {
        /// Who it says it is.
        id: NodeId,
    },
    /// It said goodbye, or was not heard for its time to live.
    Gone {
        /// Who.
        id: NodeId,
    },
}

/// Who speaks multicast DNS for this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The service of the system.
    System,
    /// The node itself.
    Node,
}

/// Why the local network cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum LocalNetworkError {
    /// There is no socket to be had, or no thread.
    #[error("multicast DNS is not to be had: {0}")]
    Multicast(#[from] mdns_sd::Error),
    /// There is no service, it does not answer, or it refuses.
    #[error("the system's DNS-SD service is not to be had: {0}")]
    Service(#[from] io::Error),
}

/// Announces this node and looks for others. Dropping it takes the announcement back.
pub struct LocalNetwork {
    heard: Heard,
    own: NodeId,
    /// By the full name of the service in lower case, as names of DNS are compared.
    seen: BTreeMap<String, (NodeId, Vec<SocketAddr>)>,
    /// As well, of services of another version: whose, and which.
    foreign: BTreeMap<String, (NodeId, String)>,
}

enum Heard {
    System(SystemService),
    Node(Box<Multicast>),
}

/// What one of the two heard, not looked at yet.
enum Said {
    Here(Claim),
    Gone(String),
}

/// What a service says of itself.
struct Claim {
    /// The full name of the service.
    service: String,
    /// The text `id` of its TXT record.
    id: Option<String>,
    /// The text `v`.
    version: Option<String>,
    addresses: Vec<IpAddr>,
    port: u16,
}

impl LocalNetwork {
    /// Begins; a thread of its own does the work.
    ///
    /// # Errors
    /// [`LocalNetworkError`], of the speaker that was asked for.
    pub async fn start(
        announcement: &Announcement,
        speaker: Speaker,
    ) -> Result<Self, LocalNetworkError> {
        let heard = match speaker {
            Speaker::System => Heard::System(SystemService::start(announcement).await?),
            Speaker::Node => Heard::Node(Box::new(Multicast::start(announcement)?)),
        };
        Ok(Self { heard, own: announcement.id, seen: BTreeMap::new(), foreign: BTreeMap::new() })
    }

    /// Waits for the next event; none when whoever speaks has ended.
    pub async fn next(&mut self) -> Option<LocalEvent> {
        loop {
            let said = match &mut self.heard {
                Heard::System(service) => service.next().await?,
                Heard::Node(multicast) => multicast.next().await?,
            };
            let event = match said {
                Said::Here(claim) => self.found(claim),
                Said::Gone(service) => self.gone(&service),
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// The nodes that are there now, and where each listens, as far as they say so; one may be told of twice.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &[SocketAddr])> + '_ {
        self.seen.values().map(|(id, addresses)| (*id, addresses.as_slice()))
    }

    /// The nodes that announce themselves in another version than [`VERSION`], and in which.
    pub fn foreign(&self) -> impl Iterator<Item = (NodeId, &str)> + '_ {
        self.foreign.values().map(|(id, version)| (*id, version.as_str()))
    }

    fn found(&mut self, claim: Claim) -> Option<LocalEvent> {
        let id = NodeId::from_canonical(&claim.id?).ok()?;
        let service = claim.service.to_lowercase();
        // What a node of another version says may mean something else. One that tells none is of this one.
        if let Some(version) = claim.version.filter(|version| version != VERSION) {
            return self.found_foreign(service, (id, version));
        }
        self.foreign.remove(&service);
        let has_room = self.seen.len() < MOST_SEEN || self.seen.contains_key(&service);
        if id == self.own || !has_room {
            return None;
        }
        let mut addresses = claim.addresses;
        addresses.retain(|address| is_reachable(*address));
        addresses.sort();
        addresses.dedup();
        addresses.truncate(MOST_ADDRESSES);
        if addresses.is_empty() || claim.port == 0 {
            return None;
        }
        let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, claim.port));
        let addresses: Vec<SocketAddr> = addresses.collect();
        let now = (id, addresses.clone());
        // It is said again and again; only what is new is told.
        let before = self.seen.insert(service, now.clone());
        (before != Some(now)).then_some(LocalEvent::Found { id, addresses })
    }

    fn found_foreign(
        &mut self,
        service: String,
        (id, version): (NodeId, String),
    ) -> Option<LocalEvent> {
        let gone = self.seen.remove(&service).map(|(id, _)| LocalEvent::Gone { id });
        let version: String = version.chars().take(MOST_VERSION).collect();
        let has_room = self.foreign.len() < MOST_SEEN || self.foreign.contains_key(&service);
        if id == self.own || !has_room {
            return gone;
        }
        let now = (id, version);
        let before = self.foreign.insert(service, now.clone());
        gone.or((before != Some(now)).then_some(LocalEvent::Foreign { id }))
    }

    fn gone(&mut self, service: &str) -> Option<LocalEvent> {
        let service = service.to_lowercase();
        let foreign = self.foreign.remove(&service).map(|(id, _)| id);
        let id = self.seen.remove(&service).map(|(id, _)| id).or(foreign)?;
        Some(LocalEvent::Gone { id })
    }
}

/// What the node calls itself, as far as a TXT record takes it.
fn told_name(announcement: &Announcement) -> String {
    announcement.name.chars().take(MOST_NAME).collect()
}

/// Addresses that are of no use to another machine, or that need a zone to be, are left out.
fn is_reachable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_unspecified(),
        IpAddr::V6(address) => {
            !address.is_loopback() && !address.is_unspecified() && !address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests;
