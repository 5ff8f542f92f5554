//! Nodes of the local network: DNS-SD over multicast DNS (RFC 6762, RFC 6763), type `_refuge._tcp`, with
//! `id`, `v` and `name` in the TXT record. It needs no service of the system and works beside one.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use refuge_mesh::NodeId;

/// The service type.
const TYPE: &str = "_refuge._tcp.local.";
/// The version of what the TXT record says.
const VERSION: &str = "1";
/// Nodes that are remembered at once: a flood of names takes no memory.
const MOST_SEEN: usize = 1_000;
/// Characters of a name: a text of the TXT record has at most 255 bytes.
const MOST_NAME: usize = 60;
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
    /// It said goodbye, or was not heard for its time to live.
    Gone {
        /// Who.
        id: NodeId,
    },
}

/// Why the local network cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error("multicast DNS is not to be had: {0}")]
pub struct LocalNetworkError(#[from] mdns_sd::Error);

/// Announces this node and looks for others. Dropping it takes the announcement back.
pub struct LocalNetwork {
    daemon: ServiceDaemon,
    events: mdns_sd::Receiver<ServiceEvent>,
    own: NodeId,
    /// By the full name of the service in lower case, as names of DNS are compared.
    seen: BTreeMap<String, (NodeId, Vec<SocketAddr>)>,
}

impl LocalNetwork {
    /// Begins; a thread of its own does the work.
    ///
    /// # Errors
    /// [`LocalNetworkError`] where there is no socket to be had.
    pub fn start(announcement: &Announcement) -> Result<Self, LocalNetworkError> {
        let Announcement { id, name, port } = announcement;
        let daemon = ServiceDaemon::new()?;
        let (id_text, host) = (id.to_string(), host(id));
        let name: String = name.chars().take(MOST_NAME).collect();
        let properties = [("id", id_text.as_str()), ("v", VERSION), ("name", name.as_str())];
        // The id is the instance's name, so that no two nodes ever have to agree about one.
        let service = ServiceInfo::new(TYPE, &id_text, &host, (), *port, &properties[..])?;
        daemon.register(service.enable_addr_auto())?;
        let events = daemon.browse(TYPE)?;
        Ok(Self { daemon, events, own: *id, seen: BTreeMap::new() })
    }

    /// Waits for the next event; none when the thread has ended.
    pub async fn next(&mut self) -> Option<LocalEvent> {
        loop {
            match self.events.recv_async().await.ok()? {
                ServiceEvent::ServiceResolved(service) => {
                    if let Some(found) = self.found(&service) {
                        return Some(found);
                    }
                }
                ServiceEvent::ServiceRemoved(_, name) => {
                    if let Some((id, _)) = self.seen.remove(&name.to_lowercase()) {
                        return Some(LocalEvent::Gone { id });
                    }
                }
                _ => {}
            }
        }
    }

    fn found(&mut self, service: &ResolvedService) -> Option<LocalEvent> {
        let id = NodeId::from_canonical(service.get_property_val_str("id")?).ok()?;
        let name = service.get_fullname().to_lowercase();
        let has_room = self.seen.len() < MOST_SEEN || self.seen.contains_key(&name);
        if id == self.own || !has_room {
            return None;
        }
        let port = service.get_port();
        let heard = service.get_addresses().iter().map(|address| address.to_ip_addr());
        let mut addresses: Vec<IpAddr> = heard.filter(|address| is_reachable(*address)).collect();
        addresses.sort();
        addresses.truncate(MOST_ADDRESSES);
        if addresses.is_empty() || port == 0 {
            return None;
        }
        let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, port));
        let addresses: Vec<SocketAddr> = addresses.collect();
        let now = (id, addresses.clone());
        // It is said again and again; only what is new is told.
        let before = self.seen.insert(name, now.clone());
        (before != Some(now)).then_some(LocalEvent::Found { id, addresses })
    }
}

impl Drop for LocalNetwork {
    fn drop(&mut self) {
        // Its thread says goodbye for this node before it ends.
        let _ = self.daemon.shutdown();
    }
}

/// A name for the machine that no other claims.
fn host(id: &NodeId) -> String {
    let beginning: String = id.to_string().chars().take(26).collect();
    format!("refuge-{}.local.", beginning.to_ascii_lowercase())
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
