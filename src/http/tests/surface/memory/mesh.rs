//! Other nodes as a node in memory knows them: whom it trusts, what they sent, what happened to them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use refuge_http::{Failure, NodeEventsPage, NodeEventsRequest, PeerStreamKind, User};
use refuge_mesh::{NodeEvent, NodeEventKind, NodeId};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, watch};

/// Events that are kept.
const KEPT_EVENTS: usize = 10;

/// A stream that a trusted node opened.
pub(crate) type Stream = (NodeId, PeerStreamKind, DuplexStream);

/// Other nodes.
pub(crate) struct Mesh {
    trusted: watch::Sender<BTreeMap<NodeId, Arc<User>>>,
    events: watch::Sender<Vec<NodeEvent>>,
    streams: (mpsc::UnboundedSender<Stream>, Mutex<mpsc::UnboundedReceiver<Stream>>),
}

impl Default for Mesh {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            trusted: watch::channel(BTreeMap::new()).0,
            events: watch::channel(Vec::new()).0,
            streams: (sender, Mutex::new(receiver)),
        }
    }
}

/// The id that is made of one byte.
pub(crate) fn node_id(byte: u8) -> NodeId {
    NodeId::from_digest([byte; 32])
}

impl Mesh {
    /// Trusts a node, which is in this group.
    pub(crate) fn trust(&self, id: NodeId, group: &str) {
        let roles = vec!["_peer".to_owned(), format!("group:{group}")];
        let user = User { name: Some(format!("node:{id}")), roles };
        self.trusted.send_modify(|trusted| {
            trusted.insert(id, Arc::new(user));
        });
    }

    /// Trusts it no more.
    pub(crate) fn distrust(&self, id: &NodeId) {
        self.trusted.send_modify(|trusted| {
            trusted.remove(id);
        });
    }

    /// The next stream that was opened and not taken yet.
    pub(crate) fn stream(&self) -> Stream {
        self.streams.1.lock().unwrap().try_recv().unwrap()
    }

    /// Tells of an event with this number.
    pub(crate) fn happen(&self, number: u64) {
        let event = NodeEvent {
            number,
            kind: NodeEventKind::NodeUp,
            time_ms: 0,
            node: node_id(1),
            name: "one".to_owned(),
            address: None,
            source: None,
            reason: None,
        };
        self.events.send_modify(|events| events.push(event));
    }

    pub(super) fn peer_user(&self, id: &NodeId) -> Option<Arc<User>> {
        self.trusted.borrow().get(id).cloned()
    }

    pub(super) async fn distrusted(&self, id: &NodeId) {
        let mut trusted = self.trusted.subscribe();
        let _ = trusted.wait_for(|trusted| !trusted.contains_key(id)).await;
    }

    pub(super) fn take_stream(
        &self,
        peer: &NodeId,
        kind: PeerStreamKind,
        io: DuplexStream,
    ) -> Result<(), Failure> {
        let sent = self.streams.0.send((*peer, kind, io));
        sent.map_err(|_| Failure::Unavailable("nobody takes streams".to_owned()))
    }

    pub(super) fn page(&self, request: NodeEventsRequest) -> NodeEventsPage {
        let events = self.events.borrow();
        let dropped = events.len().saturating_sub(KEPT_EVENTS);
        let missed = dropped > 0 && events[dropped - 1].number > request.after;
        let kept = events.iter().skip(dropped).filter(|event| event.number > request.after);
        let last = events.last().map_or(0, |event| event.number);
        NodeEventsPage { events: kept.take(request.limit).cloned().collect(), last, missed }
    }

    pub(super) async fn beyond(&self, number: u64) -> u64 {
        let newest = |events: &Vec<NodeEvent>| events.last().map_or(0, |event| event.number);
        let mut events = self.events.subscribe();
        let events = events.wait_for(|events| newest(events) > number).await;
        events.map_or(number, |events| newest(&events))
    }
}
