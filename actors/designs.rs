//! The design documents of all databases, parsed once a revision, for whoever runs their functions. It
//! publishes the door through which they are read; what the door keeps could be read again.
//!
//! Called by: the node's service, the shards (which say when one was written), the index directory. It stands
//! before the databases, since every write asks whether a design document wants to be asked. A restart
//! forgets what was kept.

mod limits;
mod reader;
mod validations;
mod validator;

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_otp::Names;

use crate::names;
pub(crate) use limits::MetLimits;
pub(crate) use reader::{DesignReader, DesignSource, DesignsOf};
pub(crate) use validator::Validator;

/// The actor takes no messages: the door is all.
#[derive(Debug)]
pub enum DesignsMessage {}

/// The actor.
#[derive(Default)]
pub struct DesignsActor;

impl Actor for DesignsActor {
    type Msg = DesignsMessage;
    type State = ();
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let reader = DesignReader::new(names.clone());
        names.publish(&myself.get_cell(), names::DESIGNS, Arc::new(reader));
        Ok(())
    }
}
