//! The other half: what came is taken once, however often it is sent.

use std::collections::{BTreeMap, HashSet, VecDeque};

use super::{MESSAGE_LIFETIME_MS, Message, MessageId, OutboxRefusal, check};
use crate::node_id::NodeId;

/// Ids of one sender that are remembered: as many as it may have waiting at once, twice.
const REMEMBERED: usize = 2_000;
/// A sender's clock may be ahead by so much; a message from farther in the future would never be old.
const CLOCK_TOLERANCE_MS: u64 = 3 * 24 * 60 * 60 * 1_000;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is new: hand it on, then acknowledge it.
    New,
    /// It was taken before: acknowledge it.
    Before,
}

/// Why a message is not taken. Its sender gives up what has not the form of one; the clocks may be right later.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InboxRefusal {
    /// It has not the form of one.
    #[error(transparent)]
    Form(#[from] OutboxRefusal),
    /// It was sent too long ago.
    #[error("the message was sent more than seven days ago, by the clocks of both nodes")]
    Old,
    /// It was sent in the future.
    #[error("the message was sent days in the future: one of the two clocks is wrong")]
    FromTheFuture,
}

/// The ids of what came, by sender.
#[derive(Debug, Default)]
pub struct Inbox(BTreeMap<NodeId, Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    ids: HashSet<MessageId>,
    order: VecDeque<MessageId>,
}

impl Inbox {
    /// A trusted node sends a message.
    ///
    /// # Errors
    /// [`InboxRefusal`].
    pub fn take(
        &mut self,
        now_ms: u64,
        from: NodeId,
        message: &Message,
    ) -> Result<Taken, InboxRefusal> {
        check(message)?;
        if message.sent_ms.saturating_add(MESSAGE_LIFETIME_MS) <= now_ms {
            return Err(InboxRefusal::Old);
        }
        if message.sent_ms > now_ms.saturating_add(CLOCK_TOLERANCE_MS) {
            return Err(InboxRefusal::FromTheFuture);
        }
        Ok(if self.remember(from, message.id) { Taken::New } else { Taken::Before })
    }

    /// A message that was taken in an earlier life; whether it was new.
    pub fn remember(&mut self, from: NodeId, id: MessageId) -> bool {
        let remembered = self.0.entry(from).or_default();
        if !remembered.ids.insert(id) {
            return false;
        }
        remembered.order.push_back(id);
        if remembered.order.len() > REMEMBERED
            && let Some(oldest) = remembered.order.pop_front()
        {
            remembered.ids.remove(&oldest);
        }
        true
    }

    /// A message that was new is not kept after all, and may come again.
    pub fn give_back(&mut self, from: &NodeId, id: &MessageId) {
        let Some(remembered) = self.0.get_mut(from) else { return };
        if remembered.ids.remove(id) {
            remembered.order.retain(|one| one != id);
        }
    }

    /// A node is trusted no more.
    pub fn forget(&mut self, from: &NodeId) {
        self.0.remove(from);
    }
}
