//! Hands each node event on to those who act on it. Who that is the supervisors say at its start, so
//! that a restart forgets nobody.
//!
//! Told by: the log of node events, once an event is on disk. Tells: actors started later, by cast. A
//! restart loses the events that were on their way; the log still has them.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_mesh::NodeEvent;
use refuge_otp::Names;

/// Hands one event to one receiver, without waiting for it. Who is being restarted misses it.
pub type Delivery = fn(&Names, &Arc<NodeEvent>);

/// Messages of the event bus.
pub enum EventBusMessage {
    /// An event took place; it is on disk.
    Publish(Arc<NodeEvent>),
}

/// What the event bus is started with.
#[derive(Clone)]
pub struct EventBusArguments {
    /// The names of this node.
    pub names: Names,
    /// The receivers, in the order in which they are told.
    pub deliveries: Vec<Delivery>,
}

/// The actor.
#[derive(Default)]
pub struct EventBusActor;

impl Actor for EventBusActor {
    type Msg = EventBusMessage;
    type State = EventBusArguments;
    type Arguments = EventBusArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(arguments)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let EventBusMessage::Publish(event) = message;
        for deliver in &state.deliveries {
            deliver(&state.names, &event);
        }
        Ok(())
    }
}
