//! The reverse path: a stream that this node opened and over which the peer is the client, so that a
//! node nobody can dial is served all the same.

use std::io::{self, Cursor};
use std::time::Duration;

use refuge_client::{StreamRequest, Tunnel, open_stream};
use refuge_http::{Peer, RequestBytes, Shutdown, Wire, serve_connection};
use refuge_mesh::NodeId;
use refuge_otp::Names;
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

use crate::mesh_listener::MeshDoor;
use crate::node_service::NodeService;
use crate::task::OwnedTask;
use crate::{names, peer_dial};

/// Rest between two paths: a peer that closes them at once must not keep this node busy.
const REST: Duration = Duration::from_secs(1);

/// Offers one path after another as long as the task lives.
pub(super) fn offer(names: Names, peer: NodeId) -> OwnedTask {
    OwnedTask::spawn(async move {
        loop {
            if let Err(reason) = serve(&names, peer).await {
                tracing::debug!(%peer, reason, "no reverse path");
            }
            tokio::time::sleep(REST).await;
        }
    })
}

/// Offers one path.
pub(super) fn open(names: Names, peer: NodeId) -> OwnedTask {
    OwnedTask::spawn(async move {
        if let Err(reason) = serve(&names, peer).await {
            tracing::debug!(%peer, reason, "no reverse path");
        }
    })
}

/// Opens one path and serves it to its end.
async fn serve(names: &Names, peer: NodeId) -> Result<(), String> {
    let reached = peer_dial::dial(names, peer).await?;
    let address = reached.remote;
    let request = StreamRequest { authority: peer.to_string(), path: "/_mesh/reverse".to_owned() };
    let opening = open_stream(Box::new(reached.stream), request);
    let tunnel = tokio::time::timeout(peer_dial::ANSWER_DEADLINE, opening)
        .await
        .map_err(|_| "no answer".to_owned())?
        .map_err(|error| error.to_string())?;
    let tunnel = asked(tunnel).await.map_err(|error| error.to_string())?;
    let node = NodeService::new(names).await.map_err(|failure| failure.to_string())?;
    let door = names.value::<MeshDoor>(names::MESH_LISTENER);
    let bytes = door.map_or_else(RequestBytes::default, |door| door.request_bytes.clone());
    let node = std::sync::Arc::new(node.bounded(bytes));
    let (_never, sign) = watch::channel(false);
    let from = Peer::node(address, peer);
    serve_connection(Box::new(tunnel), node, from, Shutdown::new(sign))
        .await
        .map_err(|error| error.to_string())
}

/// Waits until the peer speaks. A server closes a connection on which it hears nothing, and a new path costs
/// both sides a signature; one that waits needs nothing that a server does.
async fn asked(mut tunnel: Tunnel) -> io::Result<impl Wire> {
    let mut first = [0; 1];
    tunnel.read_exact(&mut first).await?;
    let (reader, writer) = tokio::io::split(tunnel);
    Ok(tokio::io::join(Cursor::new(first).chain(reader), writer))
}
