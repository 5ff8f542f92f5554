//! Messages between applications on two nodes: kept here until the other node said that it has them, and
//! taken there once. Where they are stored, and how they travel, is not known here.

mod inbox;
mod text;

use std::collections::{BTreeMap, VecDeque};

use crate::node_id::NodeId;
pub use inbox::{Inbox, InboxRefusal, Taken};
pub(crate) use text::{id_text, parse_id};

/// Waiting for one node; more are refused rather than dropped.
const MOST_WAITING: usize = 1_000;
/// Bytes of all that wait for all nodes; they are held in memory.
const MOST_BYTES: usize = 64 * 1024 * 1024;
/// Bytes of a body: with what is told beside it a message fits into a frame of a link, 64 KiB.
pub const LONGEST_MESSAGE_BYTES: usize = 63 * 1024;
/// A message that was not taken for so long is given up.
pub const MESSAGE_LIFETIME_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// It has to be too old for so long by a clock that is never set: one that is wrong for a moment loses nothing.
const OLD_AT_LEAST_MS: u64 = 60 * 60 * 1_000;
/// Arrays and objects of a body that stand in one another: readers of JSON that go no deeper than 128
/// levels, as this node's own does, still read it within a frame or a page of the feed.
const DEEPEST_MESSAGE: usize = 100;
/// Characters of an application's name.
const LONGEST_APPLICATION: usize = 64;
/// On their way to one node and not acknowledged: a link is not to be filled with them.
const MOST_UNDER_WAY: usize = 16;
/// A receipt is waited for so long before its message is sent again; doubles with each try.
const FIRST_PATIENCE_MS: u64 = 10 * 1_000;
/// The longest.
const LONGEST_PATIENCE_MS: u64 = 5 * 60 * 1_000;

/// Names a message among all of all nodes; random.
pub type MessageId = [u8; 16];

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its name.
    pub id: MessageId,
    /// The application that it is for.
    pub application: String,
    /// JSON text.
    pub body: String,
    /// When it was sent, in milliseconds since 1970 by its sender's clock.
    pub sent_ms: u64,
}

/// Why a message is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboxRefusal {
    /// No name of an application.
    #[error("an application is called by 1 to {LONGEST_APPLICATION} of a-z, 0-9, _ and -")]
    Application,
    /// Too large.
    #[error("the body has {0} bytes: {LONGEST_MESSAGE_BYTES} are allowed")]
    TooLong(usize),
    /// Its arrays and objects stand too deep in one another.
    #[error("the body has {0} levels of arrays and objects: {DEEPEST_MESSAGE} are allowed")]
    TooDeep(usize),
    /// The node has not taken so many before it.
    #[error("{MOST_WAITING} messages wait for this node: wait until it has been up")]
    Full,
    /// All nodes together have not taken so much.
    #[error("{MOST_BYTES} bytes of messages wait: wait until the nodes that they are for were up")]
    FullOfBytes,
}

/// The messages that wait, by node and in the order in which they were sent.
#[derive(Debug, Default)]
pub struct Outbox {
    nodes: BTreeMap<NodeId, VecDeque<Waiting>>,
    /// Of all their bodies.
    bytes: usize,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    under_way: Option<UnderWay>,
    /// Since when every look found it too old, by a clock that is never set.
    old_since_ms: Option<u64>,
}

/// Sent, and not acknowledged.
#[derive(Clone, Copy, Debug)]
struct UnderWay {
    since_ms: u64,
    patience_ms: u64,
}

impl UnderWay {
    /// Each message by itself, whatever became of those around it. A clock that was set back far is no
    /// reason to wait longer.
    const fn is_overdue(self, now_ms: u64) -> bool {
        now_ms.abs_diff(self.since_ms) >= self.patience_ms
    }

    const fn again(before: Option<Self>, now_ms: u64) -> Self {
        let patience_ms = match before {
            None => FIRST_PATIENCE_MS,
            Some(before) if before.patience_ms * 2 < LONGEST_PATIENCE_MS => before.patience_ms * 2,
            Some(_) => LONGEST_PATIENCE_MS,
        };
        Self { since_ms: now_ms, patience_ms }
    }
}

impl Waiting {
    const fn is_old(&self, now_ms: u64) -> bool {
        self.message.sent_ms.saturating_add(MESSAGE_LIFETIME_MS) <= now_ms
    }

    fn is_due(&self, now_ms: u64) -> bool {
        self.under_way.is_none_or(|under_way| under_way.is_overdue(now_ms))
    }
}

impl Outbox {
    /// Keeps a message for a node.
    ///
    /// # Errors
    /// [`OutboxRefusal`].
    pub fn post(&mut self, node: NodeId, message: Message) -> Result<(), OutboxRefusal> {
        check(&message)?;
        if self.bytes + message.body.len() > MOST_BYTES {
            return Err(OutboxRefusal::FullOfBytes);
        }
        if self.waiting(&node) >= MOST_WAITING {
            return Err(OutboxRefusal::Full);
        }
        self.bytes += message.body.len();
        let waiting = self.nodes.entry(node).or_default();
        waiting.push_back(Waiting { message, under_way: None, old_since_ms: None });
        Ok(())
    }

    /// The node's link was made anew: whatever was under way may be lost, and is sent again.
    pub fn link_made(&mut self, node: &NodeId) {
        for waiting in self.nodes.get_mut(node).into_iter().flatten() {
            waiting.under_way = None;
        }
    }

    /// What is to be sent to a node that is up now, in order, what was sent and got no receipt for long among
    /// it; it counts as under way from here on. What is too old is passed over until it is given up.
    pub fn next(&mut self, now_ms: u64, node: &NodeId) -> Vec<Message> {
        let Some(waiting) = self.nodes.get_mut(node) else { return Vec::new() };
        let (due, under_way): (Vec<&mut Waiting>, Vec<_>) = waiting
            .iter_mut()
            .filter(|one| !one.is_old(now_ms))
            .partition(|one| one.is_due(now_ms));
        let room = MOST_UNDER_WAY.saturating_sub(under_way.len());
        let mut next = Vec::new();
        for one in due.into_iter().take(room) {
            one.under_way = Some(UnderWay::again(one.under_way, now_ms));
            next.push(one.message.clone());
        }
        next
    }

    /// The node has it, now or since before; whether it was still waiting.
    pub fn acknowledged(&mut self, node: &NodeId, id: &MessageId) -> bool {
        let Some(waiting) = self.nodes.get_mut(node) else { return false };
        let place = waiting.iter().position(|one| one.message.id == *id);
        let taken = place.and_then(|place| waiting.remove(place));
        if waiting.is_empty() {
            self.nodes.remove(node);
        }
        self.bytes -= taken.as_ref().map_or(0, |taken| taken.message.body.len());
        taken.is_some()
    }

    /// Gives up what was not taken within its lifetime, and is found too old for an hour by `steady_ms`, a clock
    /// that is never set; what was given up.
    pub fn give_up(&mut self, now_ms: u64, steady_ms: u64) -> Vec<(NodeId, MessageId)> {
        let mut given_up = Vec::new();
        for (node, waiting) in &mut self.nodes {
            waiting.retain_mut(|one| {
                let since_ms = one.old_since_ms.unwrap_or(steady_ms);
                one.old_since_ms = one.is_old(now_ms).then_some(since_ms);
                let holds = one.old_since_ms.is_none()
                    || steady_ms.saturating_sub(since_ms) < OLD_AT_LEAST_MS;
                if !holds {
                    self.bytes -= one.message.body.len();
                    given_up.push((*node, one.message.id));
                }
                holds
            });
        }
        self.nodes.retain(|_, waiting| !waiting.is_empty());
        given_up
    }

    /// A node is trusted no more: nothing is for it. What waited.
    pub fn forget(&mut self, node: &NodeId) -> Vec<MessageId> {
        let waited = self.nodes.remove(node).unwrap_or_default();
        self.bytes -= waited.iter().map(|one| one.message.body.len()).sum::<usize>();
        waited.into_iter().map(|one| one.message.id).collect()
    }

    /// All that waits for a node, in order.
    #[must_use]
    pub fn all(&self, node: &NodeId) -> Vec<Message> {
        let waiting = self.nodes.get(node).into_iter().flatten();
        waiting.map(|one| one.message.clone()).collect()
    }

    /// The nodes for which something waits.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.nodes.keys()
    }

    /// How many wait for a node.
    #[must_use]
    pub fn waiting(&self, node: &NodeId) -> usize {
        self.nodes.get(node).map_or(0, VecDeque::len)
    }
}

fn check(message: &Message) -> Result<(), OutboxRefusal> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    let application = &message.application;
    if !(1..=LONGEST_APPLICATION).contains(&application.len()) || !application.bytes().all(plain) {
        return Err(OutboxRefusal::Application);
    }
    if message.body.len() > LONGEST_MESSAGE_BYTES {
        return Err(OutboxRefusal::TooLong(message.body.len()));
    }
    let depth = depth(&message.body);
    if depth > DEEPEST_MESSAGE {
        return Err(OutboxRefusal::TooDeep(depth));
    }
    Ok(())
}

/// How many arrays and objects of a JSON text stand in one another.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' if !in_string => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests;
