//! Accepts sessions of the admin console on its local socket and hands each to an actor of its own.
//! The socket is bound once and kept over restarts of this actor. A restart ends no session.

use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_console::SocketError;
use refuge_otp::{ChildSpecification, DynamicSupervisor, Names};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::names;
use crate::task::OwnedTask;

/// Rest after an accept that failed, so as not to spin.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// How long the refusal of a session may take to be written.
const REFUSAL_TIME: Duration = Duration::from_secs(1);
/// What somebody hears who may not use the console.
const REFUSAL: &[u8] =
    b"{\"error\":\"forbidden\",\"reason\":\"only the user that the node runs as, and root, may use its console\"}\n";

/// Messages of the listener.
#[derive(Debug)]
pub enum ConsoleListenerMessage {
    /// The accepting task ended, which it never should.
    AcceptingEnded,
}

/// Makes the child specification of a session.
pub type SessionChild = Arc<dyn Fn(UnixStream) -> ChildSpecification + Send + Sync>;

/// Binds the socket of a node with this root.
///
/// # Errors
/// When it cannot be made, or another node answers there.
pub fn bind(root: &Path) -> Result<UnixListener, SocketError> {
    refuge_console::bind(root)
}

/// Removes the socket's file when the node has ended.
pub fn remove(root: &Path) {
    // Gone already is as good.
    let _ = std::fs::remove_file(refuge_console::socket_path(root));
}

/// What the listener is started with.
#[derive(Clone)]
pub struct ConsoleListenerArguments {
    /// The names of this node.
    pub names: Names,
    /// The bound socket.
    pub socket: Arc<UnixListener>,
    /// The supervisors' part in serving a session.
    pub child: SessionChild,
}

/// The actor.
#[derive(Default)]
pub struct ConsoleListenerActor;

/// The accepting task; it ends with the actor.
pub struct ConsoleListenerState {
    _accepting: OwnedTask,
}

impl Actor for ConsoleListenerActor {
    type Msg = ConsoleListenerMessage;
    type State = ConsoleListenerState;
    type Arguments = ConsoleListenerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let socket = arguments.socket.try_clone()?;
        let listener = tokio::net::UnixListener::from_std(socket)?;
        let accepting = OwnedTask::spawn(async move {
            accept(listener, arguments).await;
            let _ = myself.cast(ConsoleListenerMessage::AcceptingEnded);
        });
        Ok(ConsoleListenerState { _accepting: accepting })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ConsoleListenerMessage::AcceptingEnded => Err("accepting sessions ended".into()),
        }
    }
}

async fn accept(listener: tokio::net::UnixListener, arguments: ConsoleListenerArguments) {
    let sessions = DynamicSupervisor::new(&arguments.names, names::CONSOLE_SESSIONS);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Some(stream) = admit(stream).await else { continue };
                if let Err(error) = sessions.start_child((arguments.child)(stream)).await {
                    tracing::warn!(%error, "a console session could not be served");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a console session could not be accepted");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

/// The stream, where the user at its other end may use the console. The socket's mode says so already; a folder
/// that was copied, or opened to others by mistake, does not change who may.
async fn admit(mut stream: UnixStream) -> Option<UnixStream> {
    let user = stream.peer_cred().ok().map(|other| other.uid());
    if user.is_some_and(|user| may_use(user, rustix::process::geteuid().as_raw())) {
        return Some(stream);
    }
    tracing::warn!(?user, "somebody else than this node's user is refused at the console");
    // Whoever does not read it hears of it by the end.
    let _ = tokio::time::timeout(REFUSAL_TIME, stream.write_all(REFUSAL)).await;
    None
}

/// Whether the user with this number may use the console of a node that runs as another one: itself and root.
fn may_use(user: u32, own: u32) -> bool {
    user == own || user == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_node_s_user_and_root_alone_may_use_its_console() {
        assert!(may_use(1000, 1000) && may_use(0, 1000) && may_use(0, 0));
        assert!(!may_use(1001, 1000) && !may_use(1000, 0));
    }
}
