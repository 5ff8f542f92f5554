//! One session of the admin console. The actor owns the task that serves it, so that ending the actor
//! ends the session.

mod backups;
mod check;
mod control;
mod databases;
mod node;
mod replication_document;
mod replications;
mod settings;
mod shortening;
mod telling;

use std::sync::{Arc, Mutex, PoisonError};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_console::{Control, serve_session};
use refuge_otp::Names;
use tokio::net::UnixStream;
use tokio::sync::watch;

pub use crate::node_service::RestartRequest;
use crate::task::OwnedTask;
use control::NodeControl;

/// Messages of a session.
#[derive(Debug)]
pub enum ConsoleSessionMessage {
    /// The other side went away.
    Ended,
}

/// How the node is to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// In order, and for good.
    Shutdown,
    /// In order, and another version of the release goes on with its sockets.
    Upgrade(String),
}

/// Asks whoever runs the node to end it. It stays asked until that one hears of it.
#[derive(Clone)]
pub struct EndRequest(watch::Sender<Option<End>>);

impl Default for EndRequest {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl EndRequest {
    /// Asks.
    pub fn ask(&self, end: End) {
        self.0.send_replace(Some(end));
    }

    /// Waits until somebody asks; what is heard is asked no more, since the node may have to refuse.
    pub async fn asked(&self) -> End {
        let mut asked = self.0.subscribe();
        // The sender lives in `self`, so this cannot fail.
        let _ = asked.wait_for(Option::is_some).await;
        self.0.send_replace(None).unwrap_or(End::Shutdown)
    }
}

/// The last lines of the log, as many as are wanted and kept, oldest first.
pub type ReadLog = Arc<dyn Fn(usize) -> Vec<String> + Send + Sync>;

/// Whether the node can go on as a version, else a sentence that says why not. It may look at the disk.
pub type MayUpgrade = Arc<dyn Fn(&str) -> Result<(), String> + Send + Sync>;

/// What a session may ask of whoever runs the node.
#[derive(Clone)]
pub struct Host {
    /// A restart of the whole node.
    pub restart: RestartRequest,
    /// Its end.
    pub end: EndRequest,
    /// What was logged.
    pub read_log: ReadLog,
    /// Which versions may be asked for.
    pub may_upgrade: MayUpgrade,
}

impl Default for Host {
    /// Nobody logs, nobody listens, and there is no other version.
    fn default() -> Self {
        Self {
            restart: RestartRequest::default(),
            end: EndRequest::default(),
            read_log: Arc::new(|_| Vec::new()),
            may_upgrade: Arc::new(|_| Err("this node has no other version".to_owned())),
        }
    }
}

/// The accepted socket; taken by the one start that a session has.
#[derive(Clone)]
pub struct ConsoleSessionArguments {
    /// The names of this node.
    pub names: Names,
    /// Whoever runs the node.
    pub host: Host,
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
        let control = NodeControl::new(arguments.names, arguments.host, myself.get_cell());
        let control: Arc<dyn Control> = Arc::new(control);
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
