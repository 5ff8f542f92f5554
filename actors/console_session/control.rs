//! The node as the console's commands see it: each question goes to the file that answers it. None of
//! them waits for a part of the node that is down, so that the console explains what is wrong with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use ractor::ActorCell;
use refuge_console::{BackupStream, Control, ControlError, PeerCommand, Question, SnapshotWish};
use refuge_http::Failure;
use refuge_identity::NodeIdentity;
use refuge_mesh::MeshCommand;
use refuge_otp::Names;
use serde_json::{Value, json};

use super::backups::Held;
use super::replications::Replications;
use super::{End, Host, backups, check, databases, node, settings, telling};
use crate::hook_runner::HookRunnerMessage;
use crate::peer_directory::PeerDirectoryMessage;
use crate::{mesh_commands, names};

/// What the answer to a question comes to.
pub(super) type Answer = Result<Value, ControlError>;

/// A node, for one session.
pub(super) struct NodeControl {
    names: Names,
    host: Host,
    /// The session's actor.
    owner: ActorCell,
    replications: Replications,
    /// The snapshot of a backup that may be gone on with.
    held: Mutex<Option<Held>>,
}

impl NodeControl {
    pub(super) fn new(names: Names, host: Host, owner: ActorCell) -> Self {
        let replications = Replications::default();
        Self { names, host, owner, replications, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A version that cannot go on is refused while the node still runs.
    async fn upgrade(&self, version: String) -> Answer {
        let (may_upgrade, wanted) = (Arc::clone(&self.host.may_upgrade), version.clone());
        let looking = crate::blocking(move || may_upgrade(&wanted)).await;
        let found = looking.map_err(|error| ControlError::Unavailable(error.to_string()))?;
        found.map_err(ControlError::Refused)?;
        self.host.end.ask(End::Upgrade(version.clone()));
        Ok(json!({ "upgrading": version }))
    }
}

pub(super) fn unavailable(failure: Failure) -> ControlError {
    ControlError::Unavailable(failure.to_string())
}

/// As JSON, which what is told of a node always can be.
pub(super) fn shown(told: &impl serde::Serialize) -> Answer {
    serde_json::to_value(told).map_err(|error| ControlError::Unavailable(error.to_string()))
}

#[async_trait]
impl Control for NodeControl {
    async fn ask(&self, question: Question) -> Answer {
        let names = &self.names;
        match question {
            Question::Ping => node::ping(names),
            Question::Status => node::status(names).await,
            Question::Check => check::check(names).await,
            Question::Observe => node::observe(names).await,
            Question::Stop => {
                self.host.end.ask(End::Shutdown);
                Ok(json!({"stopping": true}))
            }
            Question::Upgrade(version) => self.upgrade(version).await,
            Question::Restart(None) => {
                self.host.restart.ask();
                Ok(json!({"restarting": "the node"}))
            }
            Question::Restart(Some(name)) => node::restart(names, &name),
            Question::Actor(name) => node::actor(names, &name),
            Question::Trace(wish) => node::trace(names, wish).await,
            Question::Databases(prefix) => databases::list(names, prefix).await,
            Question::Database(name) => databases::show(names, &name).await,
            Question::Compact(name) => databases::compact(names, &name).await,
            Question::Indexers => telling::indexers(names),
            Question::Replications => telling::replications(names).await,
            Question::Sessions => telling::sessions(names),
            Question::Configuration(wish) => settings::configuration(names, wish).await,
            Question::Log(wish) => settings::log(names, &self.host, wish).await,
            Question::Events(count) => telling::events(names, count).await,
            Question::Statistics(part) => telling::statistics(names, &part).await,
        }
    }

    async fn backup(&self, databases: Vec<String>) -> Result<BackupStream, ControlError> {
        backups::begin(&self.names, &self.owner, databases).await
    }

    async fn hold_snapshot(&self, wish: SnapshotWish) -> Answer {
        let held = Held::take(&self.names, wish).await?;
        let about = held.about();
        *self.held() = Some(held);
        Ok(about)
    }

    async fn backup_from(&self, behind: Option<Vec<u8>>) -> Result<BackupStream, ControlError> {
        let held = self.held().as_ref().map(|held| (held.name(), held.about()));
        let held = held.ok_or(ControlError::Gone)?;
        backups::read_held(&self.names, &self.owner, held, behind).await
    }

    async fn let_snapshot_go(&self) -> Answer {
        if let Some(held) = self.held().take() {
            held.let_go();
        }
        Ok(json!({"done": true}))
    }

    async fn tree(&self) -> Answer {
        shown(&node::tree(&self.names)?)
    }

    async fn kill(&self, name: &str) -> Result<(), ControlError> {
        self.names.kill(name).map_err(|_| ControlError::NotFound(name.to_owned()))
    }

    async fn identity(&self) -> Answer {
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

    async fn peer(&self, command: PeerCommand) -> Answer {
        crate::call(&self.names, names::PEER_DIRECTORY, |reply| PeerDirectoryMessage::Command {
            command,
            reply,
        })
        .await
        .map_err(unavailable)?
    }

    async fn mesh(&self, command: MeshCommand) -> Answer {
        mesh_commands::run(&self.names, command).await.map_err(|failure| match failure {
            Failure::Unavailable(_)
            | Failure::Busy { .. }
            | Failure::Function { status: 502, .. } => unavailable(failure),
            other => ControlError::Refused(other.to_string()),
        })
    }

    async fn hooks(&self) -> Answer {
        let runs =
            crate::call(&self.names, names::HOOK_RUNNER, |reply| HookRunnerMessage::Runs { reply });
        shown(&runs.await.map_err(unavailable)?)
    }

    async fn replicate(&self, request: &Value) -> Answer {
        self.replications.start(&self.names, request).await
    }

    async fn replication(&self, id: &str) -> Answer {
        self.replications.show(&self.names, id).await
    }

    async fn cancel_replication(&self, id: &str) -> Answer {
        Replications::cancel(&self.names, id).await
    }
}
