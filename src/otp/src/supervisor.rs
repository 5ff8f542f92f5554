//! The supervisor: an actor that starts its children in order, hears of their ends, and does what
//! `decision` says. Children are told apart by the identifier of their incarnation, so news of one
//! that was stopped on purpose is recognised as old and changes nothing.

use std::sync::Arc;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};

use crate::child::{StartContext, StartError};
use crate::context::Context;
use crate::life::Exit;
use crate::specification::{ChildSpecification, SupervisorSpecification};
use crate::table::Place;

mod children;
pub(crate) mod launch;
mod parking;
mod settling;
mod state;

use state::SupervisorState;

/// The actor behind every supervisor specification.
#[derive(Default)]
pub(crate) struct Supervisor;

/// What a supervisor is asked; sent through [`DynamicSupervisor`](crate::DynamicSupervisor).
pub struct SupervisorMessage(pub(crate) Request);

/// Receives the outcome of a start.
pub(crate) type StartReply = Box<dyn FnOnce(Result<ActorCell, StartError>) + Send>;

pub(crate) enum Request {
    /// Start a child that is not in the specification.
    StartChild { child: Box<ChildSpecification>, reply: StartReply },
    /// Stop a child that was added; answers whether there was one.
    StopChild { name: String, reply: RpcReplyPort<bool> },
    /// Try the parked child again, unless an attempt was made in another way since.
    RetryParked { attempt: u64 },
}

/// A supervisor's own failure: its children failed more often than it bears.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{supervisor}: {reason}")]
pub(crate) struct GaveUp {
    pub(crate) supervisor: String,
    pub(crate) reason: String,
}

/// What one incarnation of a supervisor is started with.
pub(crate) struct SupervisorArguments {
    pub(crate) specification: Arc<SupervisorSpecification>,
    pub(crate) context: Context,
    pub(crate) place: Place,
}

impl SupervisorArguments {
    pub(crate) fn new(specification: Arc<SupervisorSpecification>, context: &StartContext) -> Self {
        Self { specification, context: context.context(), place: context.place() }
    }
}

impl Actor for Supervisor {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = SupervisorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let mut state = SupervisorState::new(&myself.get_cell(), arguments)?;
        state.start_listed().await?;
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message.0 {
            Request::StartChild { child, reply } => reply(state.add(*child).await),
            Request::StopChild { name, reply } => {
                let stopped = state.stop_added(&name).await;
                // A caller that no longer waits does not mind.
                let _ = reply.send(stopped);
            }
            Request::RetryParked { attempt } => state.retry_parked(attempt).await?,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(child, last_state, reason) => {
                // It may hold files and locks that the next incarnation needs.
                drop(last_state);
                let exit = match reason.as_deref() {
                    Some("killed" | "actor_task_cancelled") => Exit::Killed,
                    _ => Exit::Stopped,
                };
                state.exited(&child, exit).await
            }
            SupervisionEvent::ActorFailed(child, error) => {
                state.exited(&child, Exit::Failed(error.to_string())).await
            }
            _ => Ok(()),
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.stop_all().await;
        Ok(())
    }
}
