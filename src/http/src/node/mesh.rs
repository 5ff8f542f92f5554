//! What other nodes ask of this one, and what is told of them.

use std::net::SocketAddr;

use refuge_mesh::{NodeEvent, NodeId, Statement};
use serde_json::Value;

/// A stream that a trusted node opened over one of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerStreamKind {
    /// `POST /_mesh/link`: frames between the two nodes.
    Link,
    /// `POST /_mesh/reverse`: this node speaks HTTP/2 as a client over it.
    Reverse,
}

/// Which events are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeEventsRequest {
    /// Events behind this number.
    pub after: u64,
    /// Most events in the page; the implementation may send fewer.
    pub limit: usize,
}

/// A page of events, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct NodeEventsPage {
    /// The events.
    pub events: Vec<NodeEvent>,
    /// The number of the newest event there is, in the page or not; 0 before the first.
    pub last: u64,
    /// Whether events behind the number asked for are no longer kept.
    pub missed: bool,
}

/// A node that comes to the mesh port and is no peer yet. Its certificate proved the id; the rest is what
/// it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairingVisitor {
    /// Who.
    pub id: NodeId,
    /// Where it comes from.
    pub address: SocketAddr,
    /// What it calls itself.
    pub name: String,
    /// The port where it listens, if it does.
    pub port: Option<u16>,
}

/// What it wants.
#[derive(Clone, PartialEq, Eq)]
pub enum PairingQuestion {
    /// It has an invitation: its token. `{"id", "name"}` of this node.
    Redeem(String),
    /// It asks an admin to approve it: `{"pending": true}`.
    Ask,
    /// It was a peer under another key: the statements that lead from that to this one. `{"ok": true}`.
    Rotate(Vec<Statement>),
}

/// What a node asks of a hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HubQuestion {
    /// It states where it is: `{"ok": true, "expires"}`.
    Register(Box<Statement>),
    /// Where another node is: its statement.
    Read(NodeId),
    /// Who is listed: `{"nodes": [statement, …]}`.
    List {
        /// Those behind this one.
        after: Option<NodeId>,
        /// At most so many.
        limit: usize,
    },
}

/// A message of an application that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMessage {
    /// A node's id or name here, `group:<name>` or `*`.
    pub to: String,
    /// The application that it is for.
    pub application: String,
    /// JSON text.
    pub body: String,
}

/// Which messages of other nodes are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessagesRequest {
    /// Those for this application; all where there is none.
    pub application: Option<String>,
    /// Those behind this number.
    pub after: u64,
    /// Most of them in the page; the implementation may send fewer.
    pub limit: usize,
}

/// A page of messages, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct MessagesPage {
    /// Their numbers and what is told: `{"seq", "id", "from", "name", "app", "sent", "received", "body"}`.
    pub messages: Vec<(u64, Value)>,
    /// The number of the newest there is, in the page or not; 0 before the first.
    pub last: u64,
    /// Whether some behind the number asked for are no longer kept.
    pub missed: bool,
}
