//! What the commands ask of the node.

use async_trait::async_trait;
use refuge_mesh::MeshCommand;
use serde_json::Value;

/// A node, as the console sees it.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// The live supervision tree: an object with `name`, `kind`, `state`, `mailbox`, `restarts`,
    /// `uptime_seconds` and `children` (of the same shape, in start order).
    async fn tree(&self) -> Result<Value, ControlError>;

    /// Kills the actor of this name or path; its supervisor does the rest.
    async fn kill(&self, name: &str) -> Result<(), ControlError>;

    /// Who this node is: an object with `id`, `people` (the id as people read it), `name` and
    /// `certificate` (PEM). [`ControlError::Unavailable`] while the key is being made.
    async fn identity(&self) -> Result<Value, ControlError> {
        Err(absent("its identity"))
    }

    /// Changes or lists the nodes that this one knows. [`PeerCommand::List`] answers
    /// `{"peers": [{"id", "name", "trust", "groups", "addresses", "up", …}, …]}`, all others
    /// `{"id", "name"}` of the node that was changed.
    async fn peer(&self, command: PeerCommand) -> Result<Value, ControlError> {
        let _ = command;
        Err(absent("other nodes"))
    }

    /// What an admin asks of the mesh; each command tells what it answers.
    async fn mesh(&self, command: MeshCommand) -> Result<Value, ControlError> {
        let _ = command;
        Err(absent("other nodes"))
    }

    /// The last runs of event hooks, oldest first: `{"waiting", "at_work", "refused", "runs":
    /// [{"number", "event", "node", "name", "hook", "started_ms", "took_ms", "status", "outcome",
    /// "output"}, …]}`.
    async fn hooks(&self) -> Result<Value, ControlError> {
        Err(absent("hooks"))
    }

    /// Starts a replication, or joins it where it runs: `{"id", "joined"}`. `request` is an object as
    /// `_replicate` takes it.
    async fn replicate(&self, request: &Value) -> Result<Value, ControlError> {
        let _ = request;
        Err(absent("replications"))
    }

    /// How a replication that was started in this session fares: `{"state", "error", "task"}` with the
    /// members of an active task, and once `{"ended": …}` with the answer that `_replicate` gives.
    async fn replication(&self, id: &str) -> Result<Value, ControlError> {
        let _ = id;
        Err(absent("replications"))
    }

    /// Stops a replication.
    async fn cancel_replication(&self, id: &str) -> Result<Value, ControlError> {
        let _ = id;
        Err(absent("replications"))
    }
}

fn absent(what: &str) -> ControlError {
    ControlError::Unavailable(format!("this node knows nothing of {what}"))
}

/// What is to be done about other nodes. Texts are as they were typed; the node judges them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerCommand {
    /// Know a node from now on, and trust it. For a node that is known already: trust it, and change
    /// what is given.
    Add(NewPeer),
    /// Tell of all.
    List,
    /// Forget this one (an id or a local name).
    Remove(String),
    /// Let this one in no more, not even anonymously.
    Block(String),
    /// Trust this one, which is known already.
    Trust(String),
}

/// A node that is made known by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPeer {
    /// Its id in either form.
    pub id: String,
    /// What it is called here; made from the id where absent.
    pub name: Option<String>,
    /// Where it listens: `host:port`.
    pub addresses: Vec<String>,
    /// The groups it is in, without `group:`.
    pub groups: Vec<String>,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No such actor.
    #[error("no actor is called {0:?}: `refuge tree` shows the names")]
    NotFound(String),
    /// No such node.
    #[error("no node is known as {0:?}: `refuge peer list` shows those that are")]
    UnknownPeer(String),
    /// What was typed cannot be done, and why.
    #[error("{0}")]
    Refused(String),
    /// A replication failed, or cannot be.
    #[error("{reason}")]
    Replication {
        /// CouchDB's word.
        error: String,
        /// Why.
        reason: String,
    },
    /// Not now, and why.
    #[error("{0}")]
    Unavailable(String),
}
