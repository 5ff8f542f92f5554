//! The router of the network at home: UPnP's Internet Gateway Device lets a node be reached from outside
//! under an address of the router. What it says is a claim: who comes through proves itself by a handshake.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use igd_next::aio::tokio::Tokio;
use igd_next::{AddAnyPortError, AddPortError, PortMappingProtocol, SearchOptions};
use tokio::net::UdpSocket;

/// Until some router answers.
const FOUND_WITHIN: Duration = Duration::from_secs(5);
/// A router's list of mappings shows it.
const DESCRIPTION: &str = "refuge";

/// Why no port leads here from outside.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Nobody answered who maps ports.
    #[error("no router answered that maps ports by UPnP: {0}")]
    Absent(#[from] igd_next::SearchError),
    /// The network was gone before the router was asked.
    #[error("the router cannot be reached: {0}")]
    Unreachable(#[from] io::Error),
    /// The router did not say what its outer address is.
    #[error("the router does not tell its outer address: {0}")]
    Nameless(#[from] igd_next::GetExternalIpError),
    /// It maps no port, or not this one.
    #[error("the router does not map the port: {0}")]
    Refused(#[from] AddAnyPortError),
    /// It did not take a mapping back; its lease ends.
    #[error("the router does not take the mapping back: {0}")]
    Kept(#[from] igd_next::RemovePortError),
    /// Behind it is another router, which it does not speak for.
    #[error(
        "the router's outer address {0} is no address of the Internet: another router is behind it"
    )]
    Inner(IpAddr),
}

/// A port that leads here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Where others reach the node.
    pub outer: SocketAddr,
    /// Whether it ends by itself: some routers only map for good.
    pub expires: bool,
}

/// A router that maps ports. Each of its requests takes ten seconds at most, its answers 1 MiB.
pub struct Gateway {
    router: igd_next::aio::Gateway<Tokio>,
    /// This machine's address in its network.
    here: IpAddr,
}

impl Gateway {
    /// Asks the network who maps ports, and takes the first that answers.
    ///
    /// # Errors
    /// [`GatewayError::Absent`] where nobody does, [`GatewayError::Unreachable`] without a network.
    pub async fn find() -> Result<Self, GatewayError> {
        let mut options = SearchOptions::default();
        options.timeout = Some(FOUND_WITHIN);
        let router = igd_next::aio::tokio::search_gateway(options).await?;
        // Nothing is sent: the system says from which address it would be.
        let unspecified: IpAddr = match router.addr {
            SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((unspecified, 0)).await?;
        socket.connect(router.addr).await?;
        let here = socket.local_addr()?.ip();
        Ok(Self { router, here })
    }

    /// Maps a port of TCP for so long, or renews its mapping. `outer` is the outer port that is wished for;
    /// where another machine has it, the router chooses one.
    ///
    /// # Errors
    /// [`GatewayError`] where the router refuses, or where its own address is none of the Internet.
    pub async fn map(
        &self,
        port: u16,
        outer: u16,
        lease: Duration,
    ) -> Result<Mapping, GatewayError> {
        let address = self.router.get_external_ip().await?;
        if !is_of_the_internet(address) {
            return Err(GatewayError::Inner(address));
        }
        let seconds = u32::try_from(lease.as_secs()).unwrap_or(u32::MAX);
        match self.mapped(port, outer, seconds).await {
            Ok(port) => Ok(Mapping { outer: SocketAddr::new(address, port), expires: true }),
            Err(AddAnyPortError::OnlyPermanentLeasesSupported) => {
                let port = self.mapped(port, outer, 0).await?;
                Ok(Mapping { outer: SocketAddr::new(address, port), expires: false })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn mapped(&self, port: u16, outer: u16, seconds: u32) -> Result<u16, AddAnyPortError> {
        let here = SocketAddr::new(self.here, port);
        let tcp = PortMappingProtocol::TCP;
        match self.router.add_port(tcp, outer, here, seconds, DESCRIPTION).await {
            Ok(()) => Ok(outer),
            Err(AddPortError::OnlyPermanentLeasesSupported) => {
                Err(AddAnyPortError::OnlyPermanentLeasesSupported)
            }
            // It is another's, or this router wants to choose.
            Err(_) => self.router.add_any_port(tcp, here, seconds, DESCRIPTION).await,
        }
    }

    /// Takes a mapping back.
    ///
    /// # Errors
    /// [`GatewayError::Kept`] where the router does not.
    pub async fn unmap(&self, outer: u16) -> Result<(), GatewayError> {
        Ok(self.router.remove_port(PortMappingProtocol::TCP, outer).await?)
    }
}

/// Whether others may reach it from anywhere: not an address of a network at home, nor of a provider's own
/// (RFC 6598).
fn is_of_the_internet(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let is_providers = address.octets()[0] == 100 && address.octets()[1] & 0xc0 == 64;
            !(is_providers
                || address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback()
                || address.is_unspecified()
                || address.is_unicast_link_local()
                || address.is_unique_local()
                || address.is_multicast())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_behind_another_router_is_none_of_the_internet() {
        let is = |text: &str| is_of_the_internet(text.parse().unwrap());
        for inner in
            ["10.0.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "0.0.0.0", "fe80::1", "fd00::1"]
        {
            assert!(!is(inner), "{inner}");
        }
        for outer in ["11.0.0.1", "100.63.0.1", "100.128.0.1", "2001:db8::1"] {
            assert!(is(outer), "{outer}");
        }
    }
}
