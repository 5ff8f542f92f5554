//! Where this node can be reached, as far as it can tell: what a router maps to it, and what it is bound to,
//! or else the addresses of the machine's interfaces.

use std::net::{IpAddr, SocketAddr};

use refuge_otp::Names;

use crate::configuration::CurrentSettings;
use crate::{mesh_listener, names, port_mapping};

/// `host:port` of each address, those that reach farthest first. The loopback interface is told only
/// where the node is bound to it.
pub(crate) fn own(names: &Names, port: u16) -> Vec<String> {
    // What is set may hold from the next start on.
    let listening = mesh_listener::address(names).map(|address| address.ip());
    let set = || Some(names.value::<CurrentSettings>(names::CONFIGURATION)?.settings.mesh.bind);
    let bound = listening.or_else(set).filter(|bound| !bound.is_unspecified());
    let inner = bound.map_or_else(of_interfaces, |bound| vec![bound]);
    ordered(port_mapping::outer_address(names), inner, port)
}

fn ordered(outer: Option<SocketAddr>, mut inner: Vec<IpAddr>, port: u16) -> Vec<String> {
    inner.sort_by_key(|address| (reach(*address), *address));
    inner.dedup();
    let inner = inner.into_iter().map(|address| SocketAddr::new(address, port));
    // The router may be this machine.
    let inner = inner.filter(|address| Some(*address) != outer);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outer_address_is_told_first_and_those_at_home_last() {
        let inner = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let addresses = inner(&["fd00::1", "192.168.1.2", "2001:db8::1", "203.0.113.9"]);
        let outer = Some("198.51.100.7:40000".parse().unwrap());
        let told = ["203.0.113.9:6984", "[2001:db8::1]:6984", "192.168.1.2:6984", "[fd00::1]:6984"];
        assert_eq!(ordered(None, Vec::clone(&addresses), 6984), told);
        let told_to_others = ordered(outer, addresses, 6984);
        assert_eq!(told_to_others.split_first().unwrap().0, "198.51.100.7:40000");
        assert_eq!(told_to_others[1..], told);
        let own = Some("203.0.113.9:6984".parse().unwrap());
        assert_eq!(ordered(own, inner(&["203.0.113.9"]), 6984), ["203.0.113.9:6984"]);
    }
}
