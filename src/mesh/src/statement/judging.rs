//! Whether a statement counts here and now: a total function of what it claims, who reads it, the clock
//! and the last serial seen. That its signature holds was found out before.

use super::claims::Claims;
use crate::node_id::NodeId;

/// A statement may come from a clock that is ahead by so much. Clocks that are off by hours are common
/// (a wrong time zone); one that is off by more is told to its owner rather than believed.
const CLOCK_TOLERANCE_MS: u64 = 24 * 60 * 60 * 1_000;

/// Who reads a statement, and when.
#[derive(Clone, Copy, Debug)]
pub struct StatementContext {
    /// This node.
    pub us: NodeId,
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// The highest serial seen of this issuer, kind and subject.
    pub last_serial: Option<u64>,
}

/// What a statement that counts is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// Not seen before: its serial is to be remembered before anything is done about it.
    New,
    /// The last one once more; nothing may follow from it that did not follow before.
    Again,
}

/// Why a statement does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementRefusal {
    /// It is meant for another node.
    #[error("the statement is meant for node {0}")]
    OtherAudience(NodeId),
    /// Its time is over.
    #[error("the statement has expired: ask for a new one, or compare the clocks of both nodes")]
    Expired,
    /// It comes from a clock far ahead.
    #[error(
        "the statement was signed {ahead_hours} hours in the future: one of the two clocks is wrong"
    )]
    FromTheFuture {
        /// How far ahead.
        ahead_hours: u64,
    },
    /// A newer one was seen.
    #[error("the statement has serial {serial}, and {seen} was seen: it is replayed")]
    Replayed {
        /// Its serial.
        serial: u64,
        /// The highest seen.
        seen: u64,
    },
}

/// Judges a statement whose signature holds.
///
/// # Errors
/// [`StatementRefusal`], the first that applies.
pub fn judge(claims: &Claims, context: &StatementContext) -> Result<Judgement, StatementRefusal> {
    if let Some(audience) = claims.audience.filter(|audience| *audience != context.us) {
        return Err(StatementRefusal::OtherAudience(audience));
    }
    if claims.expires_ms <= context.now_ms {
        return Err(StatementRefusal::Expired);
    }
    let ahead_ms = claims.issued_ms.saturating_sub(context.now_ms);
    if ahead_ms > CLOCK_TOLERANCE_MS {
        return Err(StatementRefusal::FromTheFuture { ahead_hours: ahead_ms / (60 * 60 * 1_000) });
    }
    match context.last_serial {
        Some(seen) if claims.serial < seen => {
            Err(StatementRefusal::Replayed { serial: claims.serial, seen })
        }
        Some(seen) if claims.serial == seen => Ok(Judgement::Again),
        _ => Ok(Judgement::New),
    }
}
