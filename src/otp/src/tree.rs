//! The live tree as a value: what the console shows and the tests compare.

use serde::{Deserialize, Serialize};

use crate::specification::{ChildKind, Restart, Strategy};

/// Whether a child runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildState {
    /// Its first start is under way.
    Starting,
    /// Started, and not known to have ended.
    Running,
    /// Ended, and about to be started again.
    Restarting,
    /// Ended, and waiting for its supervisor's next attempt. See [`Park`](crate::Park).
    Parked,
    /// Ended, or being stopped.
    Stopped,
}

/// One actor of the live tree with all below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeNode {
    /// The name it is registered under.
    pub name: String,
    /// The names from the root down to it, joined by `/`.
    pub path: String,
    /// Worker or supervisor.
    pub kind: ChildKind,
    /// A supervisor's strategy.
    pub strategy: Option<Strategy>,
    /// When it is started again.
    pub restart: Restart,
    /// Whether it was added at run time, and so is not started again with its supervisor.
    pub added: bool,
    /// Whether it runs.
    pub state: ChildState,
    /// Messages that wait, where they are counted. See [`Bounded`](crate::Bounded).
    pub mailbox: Option<usize>,
    /// How often it was started again, whatever the reason, since the node's start.
    pub restarts: u64,
    /// Seconds since the start of this incarnation; 0 when it does not run.
    pub uptime_seconds: u64,
    /// Messages that were handled since the node's start.
    pub handled: u64,
    /// How long it was busy with them, in millionths of a second; waiting within a handler counts.
    pub busy_us: u64,
    /// Identifier of this incarnation, never used twice in a process; none when it does not run.
    pub incarnation: Option<u64>,
    /// Its children in start order.
    pub children: Vec<TreeNode>,
}

impl TreeNode {
    /// This actor or the one below it with this name or path.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Self> {
        self.walk().find(|node| node.name == name || node.path == name)
    }

    /// This actor and all below it, a supervisor before its children.
    pub fn walk(&self) -> impl Iterator<Item = &Self> {
        let mut pending = vec![self];
        std::iter::from_fn(move || {
            let node = pending.pop()?;
            pending.extend(node.children.iter().rev());
            Some(node)
        })
    }
}
