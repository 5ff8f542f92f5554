//! Reaching a peer: its addresses are tried side by side, staggered, and the first that shows the
//! peer's own certificate is taken. No actor lives here; links and the pool of connections use it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use refuge_identity::NodeIdentity;
use refuge_identity::tls::mesh::{ConnectOptions, MeshStream, MeshTls, MeshTlsError, Protocol};
use refuge_mesh::{NodeId, TriedOutcome};
use refuge_otp::Names;
use tokio::net::TcpStream;

use crate::{address_book, names, peer_directory};

/// TCP and TLS together; a link that is slower than this is of little use.
const CONNECT_DEADLINE: Duration = Duration::from_secs(8);
/// Until a peer that was reached answers a request of the mesh.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(5);
/// The next address is tried this long after the one before it (RFC 8305 §5).
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

/// Whether there is an address to try.
pub(crate) fn is_dialable(names: &Names, id: &NodeId) -> bool {
    !addresses(names, id).is_empty()
}

/// Those that are written down, and behind them those that others told of and that were found.
pub(crate) fn addresses(names: &Names, id: &NodeId) -> Vec<String> {
    let peers = peer_directory::peers(names);
    let written = peers.and_then(|peers| Some(peers.get(id)?.all_addresses()));
    let mut all = written.unwrap_or_default();
    for found in address_book::found(names, id) {
        if !all.contains(&found.address) {
            all.push(found.address);
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
    let reached = reached?;
    peer_directory::note_certificate(names, reached.stream.peer_certificate());
    Ok(reached)
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
    first_of(addresses, identity.tls(), id).await
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

async fn first_of(addresses: Vec<String>, tls: &MeshTls, id: NodeId) -> Result<Reached, String> {
    let mut tries: FuturesUnordered<_> = addresses
        .into_iter()
        .zip(0_u32..)
        .map(|(address, number)| async move {
            tokio::time::sleep(STAGGER * number).await;
            let tried = tokio::time::timeout(CONNECT_DEADLINE, connect(&address, tls, id)).await;
            match tried {
                Ok(Ok((stream, remote))) => Ok(Reached { stream, address, remote }),
                Ok(Err(reason)) => Err(format!("{address}: {reason}")),
                Err(_) => Err(format!("{address}: no answer within {CONNECT_DEADLINE:?}")),
            }
        })
        .collect();
    let mut reasons = Vec::new();
    while let Some(tried) = tries.next().await {
        match tried {
            Ok(reached) => return Ok(reached),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(reasons.join("; "))
}

async fn connect(
    address: &str,
    tls: &MeshTls,
    id: NodeId,
) -> Result<(MeshStream<TcpStream>, SocketAddr), String> {
    let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let remote = stream.peer_addr().map_err(|error| error.to_string())?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    let options = ConnectOptions { expected: id, protocol: Protocol::H2 };
    let stream = tls.connect(stream, options).await.map_err(|error| error.to_string())?;
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
