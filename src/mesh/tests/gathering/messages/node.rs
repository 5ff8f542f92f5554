//! A node that sends messages and takes them, and what its disk keeps of them.

use refuge_mesh::{Inbox, MESSAGE_LIFETIME_MS, Message, MessageId, NodeId, Outbox};
use serde_json::Value;

pub(super) struct Node {
    pub(super) id: NodeId,
    /// When it starts again, while it is down.
    pub(super) back_ms: Option<u64>,
    pub(super) off_ms: i64,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
    /// On disk: what waits, in order.
    pub(super) waiting: Vec<(NodeId, MessageId, Value)>,
    /// On disk: what came, from whom, and when by its clock.
    pub(super) came: Vec<(u64, NodeId, MessageId)>,
    pub(super) links: Vec<usize>,
}

impl Node {
    /// What its clock shows.
    pub(super) const fn clock(&self, right_ms: u64) -> u64 {
        right_ms.saturating_add_signed(self.off_ms)
    }

    /// Everything but the disk is gone.
    pub(super) fn start(&mut self, right_ms: u64) {
        let now_ms = self.clock(right_ms);
        (self.back_ms, self.outbox, self.inbox) = (None, Outbox::default(), Inbox::default());
        for (to, _, row) in &self.waiting {
            let message = Message::from_stored(row.as_object().unwrap()).unwrap();
            self.outbox.post(*to, message).unwrap();
        }
        self.came.retain(|(came_ms, _, _)| came_ms + MESSAGE_LIFETIME_MS > now_ms);
        for (_, from, id) in &self.came {
            self.inbox.remember(*from, *id);
        }
    }

    /// Whether a message is accepted.
    pub(super) fn post(&mut self, to: NodeId, message: Message) -> bool {
        let (id, row) = (message.id, message.to_stored());
        let accepted = self.outbox.post(to, message).is_ok();
        if accepted {
            self.waiting.push((to, id, row));
        }
        accepted
    }

    /// How many were given up.
    pub(super) fn give_up(&mut self, right_ms: u64) -> usize {
        if self.back_ms.is_some() || self.waiting.is_empty() {
            return 0;
        }
        let given_up = self.outbox.give_up(self.clock(right_ms), right_ms);
        self.waiting.retain(|(to, id, _)| !given_up.contains(&(*to, *id)));
        given_up.len()
    }
}
