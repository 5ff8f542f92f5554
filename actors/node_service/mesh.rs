//! What other nodes ask of this one: who they are, the streams they open, what happened to nodes.

use std::sync::Arc;

use refuge_http::{
    Failure, NewMessage, NodeEventsPage, NodeEventsRequest, PairingQuestion, PairingVisitor,
    PeerStreamKind, User,
};
use refuge_mesh::NodeId;
use refuge_otp::Names;
use serde_json::Value;
use tokio::io::DuplexStream;
use tokio::sync::oneshot;

use super::Visitor;
use crate::messages::MessagesMessage;
use crate::node_events::NodeEventsMessage;
use crate::pairing::{self, PairingMessage};
use crate::peer_connections::PeerConnectionsMessage;
use crate::peer_link::PeerLinkMessage;
use crate::{call_failure, names, peer_directory};

/// A trusted node as a user: decided at every request, since trust may end at any time.
pub(super) fn peer_user(names: &Names, id: &NodeId) -> Option<Arc<User>> {
    let roles = peer_directory::peers(names)?.roles(id)?;
    Some(Arc::new(User { name: Some(format!("node:{id}")), roles }))
}

/// A stream that a trusted node opened.
pub(super) struct PeerStream<'a> {
    pub(super) peer: NodeId,
    pub(super) kind: PeerStreamKind,
    pub(super) io: DuplexStream,
    pub(super) visitor: Option<&'a Visitor>,
}

/// Hands a stream to the actor it is for.
pub(super) fn take_stream(names: &Names, stream: PeerStream<'_>) -> Result<(), Failure> {
    let PeerStream { peer, kind, io, visitor } = stream;
    if let Some(Visitor { certificate, .. }) = visitor {
        // It may have come as a stranger, whom this node trusts since then.
        peer_directory::note_certificate(names, certificate);
    }
    let sent = match kind {
        PeerStreamKind::Link => {
            let address = visitor.map(|visitor| visitor.address.to_string());
            let message = PeerLinkMessage::Accepted { stream: io, address };
            names.cast(&names::peer_link(peer), message)
        }
        PeerStreamKind::Reverse => {
            let message = PeerConnectionsMessage::Reverse { id: peer, path: io };
            names.cast(names::PEER_CONNECTIONS, message)
        }
    };
    sent.map_err(|error| call_failure(&error))
}

/// A node that is no peer yet wants to be one.
pub(super) async fn pair(
    names: &Names,
    visitor: PairingVisitor,
    question: PairingQuestion,
) -> Result<Value, Failure> {
    pairing::admit_question(names, visitor.address.ip())?;
    match question {
        PairingQuestion::Redeem(token) => {
            let redeem = |reply| PairingMessage::Redeem { visitor, token, reply };
            crate::call(names, names::PAIRING, redeem).await?
        }
        PairingQuestion::Ask => {
            let ask = |reply| PairingMessage::Ask { visitor, reply };
            crate::call(names, names::PAIRING, ask).await?
        }
        PairingQuestion::Rotate(statements) => {
            let rotated = pairing::earlier_identity(names, visitor.id, statements).await?;
            let rotate = |reply| PairingMessage::Rotate { rotated, reply };
            crate::call(names, names::PAIRING, rotate).await?
        }
    }
}

pub(super) async fn node_events(
    names: &Names,
    request: NodeEventsRequest,
) -> Result<NodeEventsPage, Failure> {
    crate::call(names, names::NODE_EVENTS, |reply| NodeEventsMessage::Page { request, reply })
        .await?
}

/// Waits without a deadline, over restarts of the log.
pub(super) async fn node_events_beyond(names: &Names, number: u64) -> Result<u64, Failure> {
    loop {
        let log = crate::running::<NodeEventsMessage>(names, names::NODE_EVENTS).await?;
        let (reply, answer) = oneshot::channel();
        if log.cast(NodeEventsMessage::Beyond { number, reply }).is_ok()
            && let Ok(newest) = answer.await
        {
            return Ok(newest);
        }
    }
}

/// Answers once it is on disk.
pub(super) async fn send_message(names: &Names, wish: NewMessage) -> Result<Value, Failure> {
    crate::running::<MessagesMessage>(names, names::MESSAGES).await?;
    crate::call(names, names::MESSAGES, |reply| MessagesMessage::Send { wish, reply }).await?
}

/// Waits without a deadline, over restarts of the actor.
pub(super) async fn messages_beyond(
    names: &Names,
    application: Option<String>,
    number: u64,
) -> Result<u64, Failure> {
    loop {
        let messages = crate::running::<MessagesMessage>(names, names::MESSAGES).await?;
        let (reply, answer) = oneshot::channel();
        let application = application.clone();
        if messages.cast(MessagesMessage::Beyond { application, number, reply }).is_ok()
            && let Ok(newest) = answer.await
        {
            return Ok(newest);
        }
    }
}
