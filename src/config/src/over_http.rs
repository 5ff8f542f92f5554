//! Whether a key may be set over HTTP, and why not. Each key says so in its own line of the table.

use std::fmt;

/// Whether a key may be set over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverHttp {
    /// By a server admin, with effect at once.
    Settable,
    /// By nobody: whoever can reach the node's files sets it there.
    Forbidden(Danger),
}

/// What whoever stole an admin's password could do with a key, or why it cannot change now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    /// Open the node to a network, or close it.
    Listener,
    /// Run a program.
    Program,
    /// Read or write a file.
    Path,
    /// Run a program at an event.
    Hooks,
    /// It is laid out once, when the node starts.
    LaidOut,
    /// It says who this node is.
    Identity,
}

impl fmt::Display for Danger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Listener => "it belongs to a listener",
            Self::Program => "it names a program or its code",
            Self::Path => "it names a path",
            Self::Hooks => "it belongs to the hooks",
            Self::LaidOut => "it is laid out once, when the node starts",
            Self::Identity => "it says who this node is",
        })
    }
}
