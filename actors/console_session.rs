//! One session of the admin console. The actor owns the task that serves it, so that ending the actor
//! ends the session.

mod replications;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_console::{Control, ControlError, PeerCommand, serve_session};
use refuge_http::Failure;
use refuge_identity::NodeIdentity;
use refuge_mesh::MeshCommand;
use refuge_otp::Names;
use serde_json::{Value, json};
use tokio::net::UnixStream;

use crate::hook_runner::HookRunnerMessage;
use crate::peer_directory::PeerDirectoryMessage;
use crate::task::OwnedTask;
use crate::{mesh_commands, names};
use replications::Replications;

/// Messages of a session.
#[derive(Debug)]
pub enum ConsoleSessionMessage {
    /// The other side went away.
    Ended,
}

/// The accepted socket; taken by the one start that a session has.
#[derive(Clone)]
pub struct ConsoleSessionArguments {
    /// The names of this node.
    pub names: Names,
    /// The socket.
    pub stream: Arc<Mutex<Option<UnixStream>>>,
}

/// The actor.
#[derive(Default)]
pub struct ConsoleSessionActor;

/// The serving task; it ends with the actor.
pub struct ConsoleSessionState {
    _serving: OwnedTask,
}

impl Actor for ConsoleSessionActor {
    type Msg = ConsoleSessionMessage;
    type State = ConsoleSessionState;
    type Arguments = ConsoleSessionArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let stream = arguments.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        let stream = stream.ok_or("a session is served once")?;
        let control: Arc<dyn Control> =
            Arc::new(NodeControl { names: arguments.names, replications: Replications::default() });
        let serving = OwnedTask::spawn(async move {
            if let Err(error) = serve_session(stream, control).await {
                tracing::debug!(%error, "a console session broke");
            }
            let _ = myself.cast(ConsoleSessionMessage::Ended);
        });
        Ok(ConsoleSessionState { _serving: serving })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ConsoleSessionMessage::Ended => myself.stop(None),
        }
        Ok(())
    }
}

fn unavailable(failure: Failure) -> ControlError {
    ControlError::Unavailable(failure.to_string())
}

/// The node as the console's commands see it.
struct NodeControl {
    names: Names,
    replications: Replications,
}

#[async_trait]
impl Control for NodeControl {
    async fn tree(&self) -> Result<Value, ControlError> {
        let unavailable = || ControlError::Unavailable("the node is starting".to_owned());
        let tree = self.names.tree().ok_or_else(unavailable)?;
        serde_json::to_value(tree).map_err(|error| ControlError::Unavailable(error.to_string()))
    }

    async fn kill(&self, name: &str) -> Result<(), ControlError> {
        self.names.kill(name).map_err(|_| ControlError::NotFound(name.to_owned()))
    }

    async fn identity(&self) -> Result<Value, ControlError> {
        let making = || ControlError::Unavailable("the node's key is being made".to_owned());
        let identity = self.names.value::<NodeIdentity>(names::NODE_IDENTITY).ok_or_else(making)?;
        let certificate = identity
            .certificate()
            .to_pem()
            .map_err(|error| ControlError::Unavailable(error.to_string()))?;
        Ok(json!({
            "id": identity.id.to_string(),
            "people": identity.id.for_people(),
            "name": crate::own_name(&self.names),
            "certificate": certificate,
        }))
    }

    async fn peer(&self, command: PeerCommand) -> Result<Value, ControlError> {
        crate::call(&self.names, names::PEER_DIRECTORY, |reply| PeerDirectoryMessage::Command {
            command,
            reply,
        })
        .await
        .map_err(unavailable)?
    }

    async fn mesh(&self, command: MeshCommand) -> Result<Value, ControlError> {
        mesh_commands::run(&self.names, command).await.map_err(|failure| match failure {
            Failure::Unavailable(_)
            | Failure::Busy { .. }
            | Failure::Function { status: 502, .. } => unavailable(failure),
            other => ControlError::Refused(other.to_string()),
        })
    }

    async fn hooks(&self) -> Result<Value, ControlError> {
        let runs =
            crate::call(&self.names, names::HOOK_RUNNER, |reply| HookRunnerMessage::Runs { reply });
        let runs = runs.await.map_err(unavailable)?;
        serde_json::to_value(runs).map_err(|error| ControlError::Unavailable(error.to_string()))
    }

    async fn replicate(&self, request: &Value) -> Result<Value, ControlError> {
        self.replications.start(&self.names, request).await
    }

    async fn replication(&self, id: &str) -> Result<Value, ControlError> {
        self.replications.show(&self.names, id).await
    }

    async fn cancel_replication(&self, id: &str) -> Result<Value, ControlError> {
        Replications::cancel(&self.names, id).await
    }
}
