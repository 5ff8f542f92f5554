//! Who this node is: loads its key and certificate, or makes them at the first start on a thread of
//! its own while the node goes on, and publishes them under its own name.
//!
//! Read by: what speaks to other nodes, which waits until it is there. A restart loses nothing: the key
//! is on disk before it is published. An identity that cannot be read or made is told in the log and
//! tried again; the node goes on without other nodes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::Settings;
use refuge_identity::{CreateOptions, NodeIdentity};
use refuge_mesh::NodeId;
use refuge_otp::Names;
use tokio::sync::oneshot;

use crate::configuration::CurrentSettings;
use crate::names;

/// Bits of a new key.
pub const KEY_BITS: u32 = refuge_identity::DEFAULT_KEY_BITS;
/// Time until a broken identity is looked at again: somebody may have mended it.
pub const RETRY: Duration = Duration::from_secs(30);

/// Messages of this actor.
pub enum NodeIdentityMessage {
    /// Load it, or make it.
    Prepare,
    /// It is ready, or this is why it is not.
    Prepared(Result<NodeIdentity, String>),
    /// Make another identity, which this node has from its next start on.
    Rotate {
        /// Gets its id.
        reply: oneshot::Sender<Result<NodeId, String>>,
    },
    /// The other identity is made, or was not.
    Rotated,
}

/// What the actor is started with.
#[derive(Clone)]
pub struct NodeIdentityArguments {
    /// The names of this node.
    pub names: Names,
    /// The directory of the key and the certificate.
    pub directory: PathBuf,
    /// Bits of a new key.
    pub bits: u32,
    /// Time until it is tried again.
    pub retry: Duration,
}

/// The actor.
#[derive(Default)]
pub struct NodeIdentityActor;

/// What it was started with, and what it is doing.
pub struct NodeIdentityState {
    arguments: NodeIdentityArguments,
    /// Whether another identity is being made.
    rotating: bool,
}

/// Takes the identity that was made to be the next one, where there is one: once, before the node starts.
/// Blocks for a few small files. A node whose next identity cannot be used goes on as it was.
pub fn take_next(directory: &Path) {
    if let Err(error) = NodeIdentity::take_next(directory) {
        tracing::error!(%error, "the next identity of this node was not taken");
    }
}

impl Actor for NodeIdentityActor {
    type Msg = NodeIdentityMessage;
    type State = NodeIdentityState;
    type Arguments = NodeIdentityArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.cast(NodeIdentityMessage::Prepare)?;
        Ok(NodeIdentityState { arguments, rotating: false })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let arguments = state.arguments.clone();
        match message {
            NodeIdentityMessage::Prepare => {
                crate::blocking::aside(move || {
                    let prepared = prepare(&arguments);
                    let _ = myself.cast(NodeIdentityMessage::Prepared(prepared));
                });
            }
            NodeIdentityMessage::Rotate { reply } if state.rotating => {
                let reason = "another identity is being made already: ask again in a moment";
                let _ = reply.send(Err(reason.to_owned()));
            }
            NodeIdentityMessage::Rotate { reply } => {
                state.rotating = true;
                let present = arguments.names.value::<NodeIdentity>(names::NODE_IDENTITY);
                crate::blocking::aside(move || {
                    let _ = reply.send(rotate(present.as_deref(), &arguments));
                    let _ = myself.cast(NodeIdentityMessage::Rotated);
                });
            }
            NodeIdentityMessage::Rotated => state.rotating = false,
            NodeIdentityMessage::Prepared(Ok(identity)) => {
                tracing::info!(id = identity.id.for_people(), "this node's identity is ready");
                arguments.names.publish(
                    &myself.get_cell(),
                    names::NODE_IDENTITY,
                    Arc::new(identity),
                );
            }
            NodeIdentityMessage::Prepared(Err(error)) => {
                let (directory, retry) = (arguments.directory.display(), arguments.retry);
                tracing::error!(
                    %directory, ?retry, error,
                    "this node has no identity, so it speaks to no other node"
                );
                myself.send_after(retry, || NodeIdentityMessage::Prepare);
            }
        }
        Ok(())
    }
}

/// Blocks, seconds when a key has to be made. The thread outlives an actor that is killed meanwhile; its
/// next incarnation then finds the key or makes one too, and the first that is on disk counts.
fn prepare(arguments: &NodeIdentityArguments) -> Result<NodeIdentity, String> {
    let text = |error: refuge_identity::IdentityError| error.to_string();
    if let Some(identity) = NodeIdentity::load(&arguments.directory).map_err(text)? {
        return Ok(identity);
    }
    NodeIdentity::create(&arguments.directory, &options(arguments)).map_err(text)
}

fn options(arguments: &NodeIdentityArguments) -> CreateOptions {
    let name = arguments
        .names
        .value::<CurrentSettings>(names::CONFIGURATION)
        .map_or_else(host_name, |current| own_name(&current.settings));
    CreateOptions { bits: arguments.bits, name }
}

/// Blocks, seconds. The present identity stays until the node is started again.
fn rotate(
    present: Option<&NodeIdentity>,
    arguments: &NodeIdentityArguments,
) -> Result<NodeId, String> {
    let present = present.ok_or("the node's key is being made")?;
    present
        .prepare_rotation(&arguments.directory, &options(arguments), crate::now_ms())
        .map_err(|error| error.to_string())
}

/// What this node calls itself towards others: `mesh.name`, or else the host's name.
#[must_use]
pub fn own_name(settings: &Settings) -> String {
    if settings.mesh.name.is_empty() { host_name() } else { settings.mesh.name.clone() }
}

fn host_name() -> String {
    /// As long as `mesh.name` may be.
    const MOST_CHARACTERS: usize = 64;
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    name.chars().filter(|one| !one.is_control()).take(MOST_CHARACTERS).collect()
}

#[cfg(test)]
mod tests;
