//! Who this node is: loads its key and certificate, or makes them at the first start on a thread of
//! its own while the node goes on, and publishes them under its own name.
//!
//! Read by: what speaks to other nodes, which waits until it is there. A restart loses nothing: the key
//! is on disk before it is published. An identity that cannot be read or made is told in the log and
//! tried again; the node goes on without other nodes.

use std::path::PathBuf;
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

impl Actor for NodeIdentityActor {
    type Msg = NodeIdentityMessage;
    type State = NodeIdentityArguments;
    type Arguments = NodeIdentityArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.cast(NodeIdentityMessage::Prepare)?;
        Ok(arguments)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            NodeIdentityMessage::Prepare => {
                let arguments = state.clone();
                tokio::task::spawn_blocking(move || {
                    let prepared = prepare(&arguments);
                    let _ = myself.cast(NodeIdentityMessage::Prepared(prepared));
                });
            }
            NodeIdentityMessage::Rotate { reply } => {
                let present = state.names.value::<NodeIdentity>(names::NODE_IDENTITY);
                let arguments = state.clone();
                tokio::task::spawn_blocking(move || {
                    let _ = reply.send(rotate(present.as_deref(), &arguments));
                });
            }
            NodeIdentityMessage::Prepared(Ok(identity)) => {
                tracing::info!(id = identity.id.for_people(), "this node's identity is ready");
                state.names.publish(&myself.get_cell(), names::NODE_IDENTITY, Arc::new(identity));
            }
            NodeIdentityMessage::Prepared(Err(error)) => {
                let (directory, retry) = (state.directory.display(), state.retry);
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
