//! What happens to this node itself, as hooks and the console hear of it: started, stopping, databases made
//! and removed, actors restarted, a disk that runs short, replications that ended. The last of them are
//! kept in memory.
//!
//! Told by: the log of database updates, the replication scheduler, whoever runs the node; it looks itself
//! at restarts and at the disk. Called by: the console. A restart forgets the events that were kept.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_mesh::rfc3339;
use refuge_otp::{Names, Restarted};
use serde_json::{Map, Value};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::oneshot;

use crate::engine::StorageDoors;
use crate::hook_runner::{self, HookEvent, HookRunnerMessage};
use crate::task::OwnedTask;
use crate::{names, now_ms};

/// How often is looked whether the disk runs short; a few system calls.
const LOOK: Duration = Duration::from_secs(10);
/// Events that are kept for the console.
const KEPT: usize = 200;

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnEventKind {
    /// Every part of the node is up.
    Started,
    /// The node is about to shut down in order.
    Stopping,
    /// A database was made.
    DatabaseCreated,
    /// A database was removed.
    DatabaseDeleted,
    /// An actor is started again by its supervisor.
    ActorRestarted,
    /// The disk has less left than `storage.free_bytes_least`: writes are refused.
    DiskLow,
    /// A replication that runs once, or the run of a continuous one, failed.
    ReplicationFailed,
    /// A replication that runs once came to its end.
    ReplicationCompleted,
}

impl OwnEventKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Started,
        Self::Stopping,
        Self::DatabaseCreated,
        Self::DatabaseDeleted,
        Self::ActorRestarted,
        Self::DiskLow,
        Self::ReplicationFailed,
        Self::ReplicationCompleted,
    ];

    /// Its name, as in `etc/hooks/<name>.d`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopping => "stopping",
            Self::DatabaseCreated => "database_created",
            Self::DatabaseDeleted => "database_deleted",
            Self::ActorRestarted => "actor_restarted",
            Self::DiskLow => "disk_low",
            Self::ReplicationFailed => "replication_failed",
            Self::ReplicationCompleted => "replication_completed",
        }
    }

    /// What its name is the name of. Events about the same thing are told one after the other.
    #[must_use]
    pub const fn about(self) -> &'static str {
        match self {
            Self::Started | Self::Stopping | Self::DiskLow => "node",
            Self::DatabaseCreated | Self::DatabaseDeleted => "database",
            Self::ActorRestarted => "actor",
            Self::ReplicationFailed | Self::ReplicationCompleted => "replication",
        }
    }
}

/// Something that happened, not yet numbered.
#[derive(Clone, Debug, PartialEq)]
pub struct NewOwnEvent {
    /// What.
    pub kind: OwnEventKind,
    /// What it is about: the name of a database, the path of an actor, the id of a replication; empty for
    /// the node as a whole.
    pub name: String,
    /// What else is to be told.
    pub details: Map<String, Value>,
}

impl NewOwnEvent {
    /// An event of which no more is to be told.
    #[must_use]
    pub fn new(kind: OwnEventKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into(), details: Map::new() }
    }

    /// With one more member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.details.insert(member.to_owned(), value.into());
        self
    }
}

/// Messages of the actor.
pub enum OwnEventsMessage {
    /// Something happened.
    Happened(NewOwnEvent),
    /// The node is about to be shut down.
    Stopping {
        /// Answered when the hooks have run.
        reply: oneshot::Sender<()>,
    },
    /// Time to look at the disk.
    Look,
    /// The events that are kept, as JSON.
    Last {
        /// Gets them, the newest last.
        reply: oneshot::Sender<Vec<Value>>,
    },
}

/// The actor.
#[derive(Default)]
pub struct OwnEventsActor;

/// What is known.
pub struct OwnEventsState {
    names: Names,
    number: u64,
    /// Whether the disk was short when it was looked at last.
    short: bool,
    kept: VecDeque<Value>,
    _restarts: OwnedTask,
}

/// Tells that something happened; who is being restarted misses it.
pub fn tell(names: &Names, event: NewOwnEvent) {
    let _ = names.cast(names::OWN_EVENTS, OwnEventsMessage::Happened(event));
}

/// Tells that the node is about to be shut down, and waits until the hooks have run, for so long at most.
pub async fn stopping(names: &Names, most: Duration) {
    let (reply, settled) = oneshot::channel();
    if names.cast(names::OWN_EVENTS, OwnEventsMessage::Stopping { reply }).is_ok() {
        // Hooks that take longer are ended with the node.
        let _ = tokio::time::timeout(most, settled).await;
    }
}

impl Actor for OwnEventsActor {
    type Msg = OwnEventsMessage;
    type State = OwnEventsState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let restarts = OwnedTask::spawn(follow(names.restarts(), myself.clone()));
        myself.send_interval(LOOK, || OwnEventsMessage::Look);
        Ok(OwnEventsState {
            names,
            number: 0,
            short: false,
            kept: VecDeque::new(),
            _restarts: restarts,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            OwnEventsMessage::Happened(event) => state.take(event),
            OwnEventsMessage::Stopping { reply } => {
                state.take(NewOwnEvent::new(OwnEventKind::Stopping, ""));
                // Dropped with the message where the hook runner is down.
                let _ = state.names.cast(names::HOOK_RUNNER, HookRunnerMessage::Settle { reply });
            }
            OwnEventsMessage::Look => state.look(),
            OwnEventsMessage::Last { reply } => {
                let _ = reply.send(state.kept.iter().cloned().collect());
            }
        }
        Ok(())
    }
}

impl OwnEventsState {
    fn take(&mut self, event: NewOwnEvent) {
        self.number += 1;
        let event = numbered(self.number, event);
        if self.kept.len() >= KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(event.json.clone());
        if hook_runner::tell(&self.names, event).is_err() {
            tracing::warn!(number = self.number, "hooks missed an event: the hook runner is down");
        }
    }

    /// Tells once when the disk runs short; again only after there was room.
    fn look(&mut self) {
        let doors = self.names.value::<StorageDoors>(names::ENGINE);
        let Some(left) = doors.and_then(|doors| doors.store.free_space()) else { return };
        let was_short = std::mem::replace(&mut self.short, left.is_short());
        if self.short && !was_short {
            let event = NewOwnEvent::new(OwnEventKind::DiskLow, "")
                .with("available_bytes", left.available_bytes)
                .with("least_bytes", left.least_bytes);
            self.take(event);
        }
    }
}

/// As hooks hear of it: `{"seq", "event", "time", "name", …}`, and each member in the environment.
fn numbered(number: u64, event: NewOwnEvent) -> HookEvent {
    let NewOwnEvent { kind, name, details } = event;
    let mut json = Map::new();
    json.insert("seq".to_owned(), number.into());
    json.insert("event".to_owned(), kind.as_str().into());
    json.insert("time".to_owned(), rfc3339(now_ms()).into());
    if !name.is_empty() {
        json.insert("name".to_owned(), name.clone().into());
    }
    json.extend(details);
    let subject: Arc<str> = match name.as_str() {
        "" => kind.about().into(),
        name => format!("{}/{name}", kind.about()).into(),
    };
    let environment =
        vec![("REFUGE_EVENT", kind.as_str().to_owned()), ("REFUGE_NAME", name.clone())];
    let json = Value::Object(json);
    let (event, node) = (kind.as_str(), String::new());
    HookEvent { number, event, node, name, subject, environment, json }
}

/// Tells of restarts, those of the actor itself and of the hook runner among them once they are up.
async fn follow(mut restarts: Receiver<Restarted>, actor: ActorRef<OwnEventsMessage>) {
    loop {
        let event = match restarts.recv().await {
            Ok(Restarted { path, because, reason }) => {
                NewOwnEvent::new(OwnEventKind::ActorRestarted, &*path)
                    .with("because", &*because)
                    .with("reason", reason)
            }
            Err(RecvError::Lagged(_)) => continue,
            Err(RecvError::Closed) => return,
        };
        if actor.cast(OwnEventsMessage::Happened(event)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_told_in_words_and_in_the_environment() {
        let event = NewOwnEvent::new(OwnEventKind::DatabaseCreated, "cities").with("more", 7);
        let told = numbered(3, event);
        assert_eq!(told.event, "database_created");
        assert_eq!((&told.json["name"], &told.json["more"]), (&"cities".into(), &7.into()));
        assert_eq!(told.environment[1], ("REFUGE_NAME", "cities".to_owned()));
    }

    #[test]
    fn events_about_one_thing_have_one_subject() {
        let subject = |kind, name: &str| numbered(1, NewOwnEvent::new(kind, name)).subject;
        let created = subject(OwnEventKind::DatabaseCreated, "cities");
        assert_eq!(&*created, "database/cities");
        assert_eq!(created, subject(OwnEventKind::DatabaseDeleted, "cities"));
        assert_ne!(created, subject(OwnEventKind::DatabaseDeleted, "towns"));
        let (failed, completed) =
            (OwnEventKind::ReplicationFailed, OwnEventKind::ReplicationCompleted);
        assert_eq!(&*subject(failed, "7f"), "replication/7f");
        assert_eq!(subject(failed, "7f"), subject(completed, "7f"));
        assert_eq!(&*subject(OwnEventKind::ActorRestarted, "root/engine"), "actor/root/engine");
        for kind in [OwnEventKind::Started, OwnEventKind::Stopping, OwnEventKind::DiskLow] {
            assert_eq!(&*subject(kind, ""), "node");
        }
    }
}
