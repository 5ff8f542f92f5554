//! Where this node can be reached, as far as it can tell: what a router maps to it, and what it is bound to,
//! or else the addresses of the machine's interfaces.

use std::net::{IpAddr, SocketAddr};

use refuge_otp::Names;

use crate::configuration::CurrentSettings;
use crate::{names, port_mapping};

/// `host:port` of each address, those that reach farthest first. The loopback interface is told only
/// where the node is bound to it.
pub(crate) fn own(names: &Names, port: u16) -> Vec<String> {
    let bound = names
        .value::<CurrentSettings>(names::CONFIGURATION)
        .map(|current| current.settings.mesh.bind)
        .filter(|bound| !bound.is_unspecified());
    let mut all = bound.map_or_else(of_interfaces, |bound| vec![bound]);
    all.sort_by_key(|address| (reach(*address), *address));
    all.dedup();
    let inner = all.into_iter().map(|address| SocketAddr::new(address, port));
    let outer = port_mapping::outer_address(names);
    outer.into_iter().chain(inner).map(|address| address.to_string()).collect()
}

fn of_interfaces() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        tracing::warn!(%error, "the addresses of this machine cannot be read");
        Vec::new()
    });
    let outward = interfaces.into_iter().filter(|one| !one.is_loopback() && !one.is_link_local());
    outward.map(|one| one.ip()).collect()
}

/// Addresses of the Internet before those of a network at home; of each kind IPv4 first, since a guest
/// may have no IPv6.
fn reach(address: IpAddr) -> (bool, bool) {
    let at_home = match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    };
    (at_home, address.is_ipv6())
}
