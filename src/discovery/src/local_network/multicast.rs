//! Multicast DNS that the node speaks itself: it needs no service of the system and works beside one.

use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo};
use refuge_mesh::NodeId;

use super::{Announcement, Claim, Said, VERSION, told_name};

/// The service type.
const TYPE: &str = "_refuge._tcp.local.";

/// The node's own speaker; its thread ends when this is dropped.
pub(super) struct Multicast {
    daemon: ServiceDaemon,
    events: mdns_sd::Receiver<ServiceEvent>,
}

impl Multicast {
    pub(super) fn start(announcement: &Announcement) -> Result<Self, mdns_sd::Error> {
        let Announcement { id, port, .. } = announcement;
        let daemon = ServiceDaemon::new()?;
        let (id_text, host, name) = (id.to_string(), host(id), told_name(announcement));
        let properties = [("id", id_text.as_str()), ("v", VERSION), ("name", name.as_str())];
        // The id is the instance's name, so that no two nodes ever have to agree about one.
        let service = ServiceInfo::new(TYPE, &id_text, &host, (), *port, &properties[..])?;
        daemon.register(service.enable_addr_auto())?;
        let events = daemon.browse(TYPE)?;
        Ok(Self { daemon, events })
    }

    pub(super) async fn next(&mut self) -> Option<Said> {
        loop {
            match self.events.recv_async().await.ok()? {
                ServiceEvent::ServiceResolved(service) => return Some(Said::Here(claim(&service))),
                ServiceEvent::ServiceRemoved(_, name) => return Some(Said::Gone(name)),
                _ => {}
            }
        }
    }
}

impl Drop for Multicast {
    fn drop(&mut self) {
        // Its thread says goodbye for this node before it ends.
        let _ = self.daemon.shutdown();
    }
}

fn claim(service: &ResolvedService) -> Claim {
    let addresses = service.get_addresses().iter().map(|address| address.to_ip_addr());
    Claim {
        service: service.get_fullname().to_owned(),
        id: service.get_property_val_str("id").map(str::to_owned),
        version: service.get_property_val_str("v").map(str::to_owned),
        addresses: addresses.collect(),
        port: service.get_port(),
    }
}

/// A name for the machine that no other claims.
fn host(id: &NodeId) -> String {
    let beginning: String = id.to_string().chars().take(26).collect();
    format!("refuge-{}.local.", beginning.to_ascii_lowercase())
}
