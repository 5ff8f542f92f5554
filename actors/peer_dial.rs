//! Reaching a peer: its addresses are tried one after another, the next beside the one before where that takes
//! long, and the first that shows the peer's own certificate is taken. Other nodes that are met there are asked
//! whether they are the peer with another key. No actor lives here; links and the pool of connections use it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use refuge_identity::NodeIdentity;
use refuge_identity::tls::mesh::{ConnectOptions, MeshStream, MeshTls, MeshTlsError, Protocol};
use refuge_mesh::{AddressSource, BookedAddress, MetNode, NodeId, TriedOutcome};
use refuge_otp::Names;
use tokio::net::TcpStream;

use crate::{address_book, names, pairing, peer_directory};

/// TCP and TLS together; a link that is slower than this is of little use.
const CONNECT_DEADLINE: Duration = Duration::from_secs(8);
/// Until a peer that was reached answers a request of the mesh.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// The next address is tried this long after the one before it, unless that failed sooner (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// An open connection to a peer.
pub(crate) struct Reached {
    /// The stream; the other end is the peer.
    pub(crate) stream: MeshStream<TcpStream>,
    /// The address that answered, `host:port` as it is written in the peer's document.
    pub(crate) address: String,
    /// The same as a number.
    pub(crate) remote: SocketAddr,
}

/// Why an address does not lead to a node, or none of several.
struct Missed {
    /// In words.
    reason: String,
    /// The other nodes that answered there.
    met: Vec<MetNode>,
}

/// Whether there is an address to try.
pub(crate) fn is_dialable(names: &Names, id: &NodeId) -> bool {
    !addresses(names, id).is_empty()
}

/// Where a node is known to be now, then what is written down, then what others told of.
pub(crate) fn addresses(names: &Names, id: &NodeId) -> Vec<String> {
    let peers = peer_directory::peers(names);
    let written = peers.and_then(|peers| Some(peers.get(id)?.all_addresses()));
    in_order(written.unwrap_or_default(), address_book::found(names, id))
}

/// A peer may have many addresses of former places: one that it has on this network, and that does not
/// fail, comes before them all.
fn in_order(written: Vec<String>, found: Vec<BookedAddress>) -> Vec<String> {
    let is_here =
        |one: &BookedAddress| one.source == AddressSource::LocalNetwork && one.failures == 0;
    let (here, elsewhere): (Vec<_>, Vec<_>) = found.into_iter().partition(is_here);
    let address = |one: BookedAddress| one.address;
    let mut all = Vec::new();
    let order = here.into_iter().map(address).chain(written);
    for one in order.chain(elsewhere.into_iter().map(address)) {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// Opens a connection to a trusted peer.
///
/// # Errors
/// In words, with every address and what it answered.
pub(crate) async fn dial(names: &Names, id: NodeId) -> Result<Reached, String> {
    let identity = names
        .value::<NodeIdentity>(names::NODE_IDENTITY)
        .ok_or("this node's key is not there yet")?;
    let peers = peer_directory::peers(names).ok_or("the peers are not known yet")?;
    if !peers.is_trusted(&id) {
        return Err(format!("node {id} is not trusted"));
    }
    let addresses = addresses(names, &id);
    if addresses.is_empty() {
        return Err(format!("no address of node {id} is known"));
    }
    let reached = first_of(addresses.clone(), identity.tls(), id).await;
    let outcome = reached.as_ref().map(|reached| reached.address.as_str());
    address_book::tried(names, id, outcome.map_err(|_| addresses));
    match reached {
        Ok(reached) => {
            peer_directory::note_certificate(names, reached.stream.peer_certificate());
            Ok(reached)
        }
        Err(Missed { reason, met }) => Err(match pairing::follow_rotation(names, met).await {
            // There is another link for it, which dials at once; all others look up whom they mean anew.
            Some(new) => format!("node {id} has a new identity: {new}"),
            None => reason,
        }),
    }
}

/// Opens a connection to a node, trusted or not, at one of these addresses: for what is said before two
/// nodes trust each other.
///
/// # Errors
/// In words, with every address and what it answered.
pub(crate) async fn reach(
    names: &Names,
    id: NodeId,
    addresses: Vec<String>,
) -> Result<Reached, String> {
    let identity = names
        .value::<NodeIdentity>(names::NODE_IDENTITY)
        .ok_or("this node's key is not there yet")?;
    first_of(addresses, identity.tls(), id).await.map_err(|missed| missed.reason)
}

/// What came of connecting to one address, and to whom.
pub(crate) async fn try_address(names: &Names, id: NodeId, address: &str) -> TriedOutcome {
    let Some(identity) = names.value::<NodeIdentity>(names::NODE_IDENTITY) else {
        return TriedOutcome::Failed("this node's key is not there yet".to_owned());
    };
    let connecting = async {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let options = ConnectOptions { expected: id, protocol: Protocol::H2 };
        match identity.tls().connect(stream, options).await {
            Ok(_) => Ok(TriedOutcome::Reached),
            Err(MeshTlsError::WrongNode { found, .. }) => Ok(TriedOutcome::OtherNode(found)),
            Err(error) => Err(error.to_string()),
        }
    };
    match tokio::time::timeout(ANSWER_DEADLINE, connecting).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(reason)) => TriedOutcome::Failed(reason),
        Err(_) => TriedOutcome::Failed(format!("no answer within {ANSWER_DEADLINE:?}")),
    }
}

/// One address after another, the next as soon as one failed, or beside it when it takes long.
async fn first_of(addresses: Vec<String>, tls: &MeshTls, id: NodeId) -> Result<Reached, Missed> {
    let mut waiting = addresses.into_iter();
    let mut tries = FuturesUnordered::new();
    let (mut reasons, mut met) = (Vec::new(), Vec::new());
    loop {
        tries.extend(waiting.next().map(|address| try_one(address, tls, id)));
        let tried = match waiting.len() {
            0 => Ok(tries.next().await),
            _ => tokio::time::timeout(STAGGER, tries.next()).await,
        };
        match tried {
            Ok(Some(Ok(reached))) => return Ok(reached),
            Ok(Some(Err(missed))) => {
                reasons.push(missed.reason);
                met.extend(missed.met);
            }
            Ok(None) => return Err(Missed { reason: reasons.join("; "), met }),
            Err(_) => {}
        }
    }
}

async fn try_one(address: String, tls: &MeshTls, id: NodeId) -> Result<Reached, Missed> {
    let late = || format!("no answer within {CONNECT_DEADLINE:?}");
    let tried = tokio::time::timeout(CONNECT_DEADLINE, connect(&address, tls, id)).await;
    match tried.unwrap_or_else(|_| Err((late(), None))) {
        Ok((stream, remote)) => Ok(Reached { stream, address, remote }),
        Err((reason, found)) => {
            let reason = format!("{address}: {reason}");
            let met = found.map(|found| MetNode { peer: id, found, address });
            Err(Missed { reason, met: met.into_iter().collect() })
        }
    }
}

/// Else the reason, and the other node that answered, if one did.
async fn connect(
    address: &str,
    tls: &MeshTls,
    id: NodeId,
) -> Result<(MeshStream<TcpStream>, SocketAddr), (String, Option<NodeId>)> {
    let failed = |error: std::io::Error| (error.to_string(), None);
    let stream = TcpStream::connect(address).await.map_err(failed)?;
    let remote = stream.peer_addr().map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let options = ConnectOptions { expected: id, protocol: Protocol::H2 };
    let stream = tls.connect(stream, options).await.map_err(|error| match error {
        MeshTlsError::WrongNode { found, .. } => (error.to_string(), Some(found)),
        _ => (error.to_string(), None),
    })?;
    Ok((stream, remote))
}

/// The identity once it is there; the key of a first start takes seconds.
pub(crate) async fn identity(names: &Names) -> Arc<NodeIdentity> {
    loop {
        match crate::published::<NodeIdentity>(names, names::NODE_IDENTITY).await {
            Ok(identity) => return identity,
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_node_is_on_this_network_comes_before_what_is_written_until_it_fails() {
        let booked = |address: &str, source, failures| BookedAddress {
            address: address.to_owned(),
            source,
            told_ms: 0,
            worked_ms: None,
            failures,
        };
        let written = || vec!["old:1".to_owned(), "here:1".to_owned()];
        let hub = booked("hub:1", AddressSource::Hub, 0);
        let here = booked("here:1", AddressSource::LocalNetwork, 0);
        let order = in_order(written(), vec![hub.clone(), here]);
        assert_eq!(order, ["here:1", "old:1", "hub:1"]);
        let gone = booked("gone:1", AddressSource::LocalNetwork, 1);
        assert_eq!(in_order(written(), vec![hub, gone]), ["old:1", "here:1", "hub:1", "gone:1"]);
    }
}
