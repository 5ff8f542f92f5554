//! Holds the pool of outgoing HTTP connections and publishes it under its own name. A restart loses
//! the idle connections; they are made anew.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_client::Connections;
use refuge_otp::Names;

use crate::names;

/// Messages of this actor: none yet; the pool is looked up.
#[derive(Debug)]
pub enum OutgoingConnectionsMessage {}

/// The actor.
#[derive(Default)]
pub struct OutgoingConnectionsActor;

impl Actor for OutgoingConnectionsActor {
    type Msg = OutgoingConnectionsMessage;
    type State = ();
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        names.publish(
            &myself.get_cell(),
            names::OUTGOING_CONNECTIONS,
            Arc::new(Connections::default()),
        );
        Ok(())
    }
}
