//! The log of node events: gives each its number and time, stores it, hands it to the event bus, and
//! serves the stored ones. The last [`KEPT_EVENTS`] are kept.
//!
//! Called by: whoever notices that something happened to a node; the node's service (pages of events).
//! A restart loses nothing: numbers are reserved on disk before they are given, and an event is on disk
//! before anybody hears of it. One that was stored just before a crash is read by clients and may have
//! missed the hooks.

mod ledger;
mod rows;

use std::sync::Arc;

use futures_util::future::try_join_all;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Failure, NodeEventsPage, NodeEventsRequest};
use refuge_mesh::{DownReason, NodeEvent, NodeEventKind, NodeId};
use refuge_otp::Names;
use tokio::sync::oneshot;

use crate::engine::StorageDoors;
use crate::event_bus::EventBusMessage;
use crate::{names, now_ms, published, unavailable};
use ledger::Ledger;

/// Events that are kept; whoever asks for older ones hears that some are missed.
pub const KEPT_EVENTS: usize = 10_000;
/// Attempts to store one event; between two of them the engine was opened anew.
const ATTEMPTS: u32 = 5;

/// Something that happened to a node, not yet numbered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNodeEvent {
    /// What happened.
    pub kind: NodeEventKind,
    /// To which node.
    pub node: NodeId,
    /// That node's name here.
    pub name: String,
    /// Where it was reached or seen.
    pub address: Option<String>,
    /// Who noticed.
    pub source: Option<String>,
    /// Why it went down.
    pub reason: Option<DownReason>,
}

impl NewNodeEvent {
    /// An event of which no more is known.
    #[must_use]
    pub fn new(kind: NodeEventKind, node: NodeId, name: String) -> Self {
        Self { kind, node, name, address: None, source: None, reason: None }
    }
}

/// Messages of the log.
pub enum NodeEventsMessage {
    /// Something happened.
    Publish(NewNodeEvent),
    /// A page of events.
    Page {
        /// Which.
        request: NodeEventsRequest,
        /// Gets the page.
        reply: oneshot::Sender<Result<NodeEventsPage, Failure>>,
    },
    /// Wait until there is an event behind this number.
    Beyond {
        /// The number.
        number: u64,
        /// Gets the number of the newest event then.
        reply: oneshot::Sender<u64>,
    },
}

/// What the log is started with.
#[derive(Clone)]
pub struct NodeEventsArguments {
    /// The names of this node.
    pub names: Names,
    /// How many events are kept.
    pub kept: usize,
}

/// The actor.
#[derive(Default)]
pub struct NodeEventsActor;

/// The numbers, and who waits for more.
pub struct NodeEventsState {
    names: Names,
    ledger: Ledger,
    waiters: Vec<Waiter>,
}

struct Waiter {
    number: u64,
    reply: oneshot::Sender<u64>,
}

impl Actor for NodeEventsActor {
    type Msg = NodeEventsMessage;
    type State = NodeEventsState;
    type Arguments = NodeEventsArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let NodeEventsArguments { names, kept } = arguments;
        let doors = published::<StorageDoors>(&names, names::ENGINE).await?;
        let store = doors.store.clone();
        let ledger = crate::blocking(move || rows::ledger(&store, kept)).await??;
        Ok(NodeEventsState { names, ledger, waiters: Vec::new() })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            NodeEventsMessage::Publish(event) => state.publish(event).await?,
            NodeEventsMessage::Page { request, reply } => state.page(request, reply),
            NodeEventsMessage::Beyond { number, reply } => state.wait(Waiter { number, reply }),
        }
        Ok(())
    }
}

impl NodeEventsState {
    async fn publish(&mut self, new: NewNodeEvent) -> Result<(), ActorProcessingErr> {
        let NewNodeEvent { kind, node, name, address, source, reason } = new;
        let event = NodeEvent {
            number: self.ledger.step().number,
            time_ms: now_ms(),
            kind,
            node,
            name,
            address,
            source,
            reason,
        };
        self.store(&event).await?;
        self.wake();
        let event = EventBusMessage::Publish(Arc::new(event));
        if self.names.cast(names::EVENT_BUS, event).is_err() {
            tracing::warn!(number = self.ledger.last(), "an event went untold: the bus is down");
        }
        Ok(())
    }

    /// Returns when the event is on disk. An engine that is being restarted is waited for: writing
    /// the same rows again does no harm.
    async fn store(&mut self, event: &NodeEvent) -> Result<(), ActorProcessingErr> {
        let step = self.ledger.step();
        for _ in 0..ATTEMPTS {
            let doors = published::<StorageDoors>(&self.names, names::ENGINE).await?;
            let operations = rows::operations(&step, event);
            let commits = operations.into_iter().map(|operation| doors.writer.commit(operation));
            if try_join_all(commits).await.is_ok() {
                self.ledger.taken(step);
                return Ok(());
            }
        }
        Err(format!("event {} was not stored in {ATTEMPTS} attempts", step.number).into())
    }

    fn page(
        &self,
        request: NodeEventsRequest,
        reply: oneshot::Sender<Result<NodeEventsPage, Failure>>,
    ) {
        let (last, missed) = (self.ledger.last(), self.ledger.missed(request.after));
        let Some(doors) = self.names.value::<StorageDoors>(names::ENGINE) else {
            let _ = reply.send(Err(unavailable()));
            return;
        };
        crate::blocking::aside(move || {
            let page = rows::page(&doors.store, request.after, request.limit).map(|events| {
                // One more may have been stored meanwhile.
                let last = events.last().map_or(last, |newest| newest.number.max(last));
                NodeEventsPage { events, last, missed }
            });
            let _ = reply.send(page.map_err(|error| Failure::Internal(error.to_string())));
        });
    }

    fn wait(&mut self, waiter: Waiter) {
        if self.ledger.last() > waiter.number {
            let _ = waiter.reply.send(self.ledger.last());
            return;
        }
        // Who went away no longer waits.
        self.waiters.retain(|waiter| !waiter.reply.is_closed());
        self.waiters.push(waiter);
    }

    fn wake(&mut self) {
        let last = self.ledger.last();
        for waiter in self.waiters.extract_if(.., |waiter| last > waiter.number) {
            let _ = waiter.reply.send(last);
        }
    }
}

#[cfg(test)]
mod tests;
