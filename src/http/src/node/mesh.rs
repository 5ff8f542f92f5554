//! What other nodes ask of this one, and what is told of them.

use refuge_mesh::NodeEvent;

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
