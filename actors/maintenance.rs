//! Upkeep of the storage in the background: removes the rows of deleted databases, a few at a time
//! and only between commits. It keeps nothing that a restart could lose; the storage knows what is
//! left to do.

use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_otp::Names;

use crate::engine::StorageDoors;
use crate::names;

/// Rest between two rounds while there is work, so that commits keep most of the disk.
const ROUND_REST: Duration = Duration::from_millis(20);
/// How long to wait before looking again when the engine did not answer.
const RETRY_REST: Duration = Duration::from_secs(1);

/// Messages of the maintenance actor.
#[derive(Debug)]
pub enum MaintenanceMessage {
    /// A database was deleted: its rows are to be removed.
    DatabaseDeleted,
    /// Carry on.
    Continue,
}

/// The actor.
#[derive(Default)]
pub struct MaintenanceActor;

/// What it needs to work.
pub struct MaintenanceState {
    names: Names,
    /// A round is under way or due.
    working: bool,
}

impl Actor for MaintenanceActor {
    type Msg = MaintenanceMessage;
    type State = MaintenanceState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        // A former life may have left rows behind.
        myself.cast(MaintenanceMessage::Continue)?;
        Ok(MaintenanceState { names, working: true })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if matches!(message, MaintenanceMessage::DatabaseDeleted) {
            if state.working {
                return Ok(());
            }
            state.working = true;
        }
        let again = match state.names.value::<StorageDoors>(names::ENGINE) {
            None => Some(RETRY_REST),
            Some(doors) => match doors.writer.drop_rows().await {
                Ok(true) => Some(ROUND_REST),
                Ok(false) => None,
                Err(_) => Some(RETRY_REST),
            },
        };
        match again {
            Some(rest) => {
                myself.send_after(rest, || MaintenanceMessage::Continue);
            }
            None => state.working = false,
        }
        Ok(())
    }
}
