//! Serials: what they count within, and how the next is made. Where the last ones are kept is not known
//! here.

use super::{Claims, StatementKind};
use crate::node_id::NodeId;

/// What one row of serials belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SerialKey {
    /// Who states.
    pub issuer: NodeId,
    /// What is stated.
    pub kind: StatementKind,
    /// Of whom.
    pub subject: NodeId,
}

impl From<&Claims> for SerialKey {
    fn from(claims: &Claims) -> Self {
        Self { issuer: claims.issuer, kind: claims.content.kind(), subject: claims.subject }
    }
}

/// The serial of the next statement: the time in milliseconds, so that it grows although nothing was
/// written down, and more than the last one where a clock was set back.
#[must_use]
pub fn next_serial(last: Option<u64>, now_ms: u64) -> u64 {
    last.map_or(now_ms, |last| last.saturating_add(1).max(now_ms))
}
