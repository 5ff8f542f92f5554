//! What the commands ask of the node.

use async_trait::async_trait;
use serde_json::Value;

/// A node, as the console sees it.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// The live supervision tree: an object with `name`, `kind`, `state`, `mailbox`, `restarts`,
    /// `uptime_seconds` and `children` (of the same shape, in start order).
    async fn tree(&self) -> Result<Value, ControlError>;

    /// Kills the actor of this name or path; its supervisor does the rest.
    async fn kill(&self, name: &str) -> Result<(), ControlError>;
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No such actor.
    #[error("no actor is called {0:?}: `refuge tree` shows the names")]
    NotFound(String),
    /// Not now, and why.
    #[error("{0}")]
    Unavailable(String),
}
