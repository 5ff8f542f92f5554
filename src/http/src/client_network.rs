//! Which addresses count as one client, where requests or failures are counted by address.

use std::net::{IpAddr, Ipv6Addr};

/// What belongs to one client: with IPv6 a network of 64 bits, since it has all of them.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address => address,
    }
}
