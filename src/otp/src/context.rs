//! What every actor of a node knows about its place in it.

use std::sync::Arc;

use crate::names::Names;

/// Handed to an actor at its start, usually as the first field of its arguments.
#[derive(Clone)]
pub struct Context {
    /// The node's table of names.
    pub names: Names,
    /// The name the actor is registered under.
    pub name: Arc<str>,
    /// The names from the root down to the actor, joined by `/`.
    pub path: Arc<str>,
}

impl Context {
    /// The node's label, for logs and metrics.
    #[must_use]
    pub fn node(&self) -> &str {
        self.names.node()
    }
}
