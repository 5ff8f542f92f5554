//! Messages of a sender that could not be taken yet: they come again, and until then later ones of the same sender
//! are passed over, so that none overtakes another. It has an end: a sender may have given one up.

use std::collections::{HashMap, VecDeque};

use refuge_mesh::{MessageId, NodeId};

/// Senders of which something had to wait; of more the order is not kept.
const MOST_SENDERS: usize = 1_000;
/// Messages of one of them: as many as it has under way at once. Of more the order is not kept.
const MOST_OF_ONE: usize = 16;
/// What did not come again for so long comes no more: more than the longest that a sender waits for a receipt.
const PATIENCE_MS: u64 = 6 * 60 * 1_000;

/// What had to wait, by sender. `now_ms` of every call is of one clock that does not go back.
#[derive(Default)]
pub(super) struct Turns(HashMap<NodeId, Waiting>);

struct Waiting {
    /// In the order in which they came first.
    ids: VecDeque<MessageId>,
    /// When the first of them came last, or became the first.
    since_ms: u64,
}

impl Waiting {
    const fn is_over(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.since_ms) >= PATIENCE_MS
    }
}

impl Turns {
    /// Whether a message that comes is to be taken now; one that is not has its turn behind those that had to
    /// wait before it.
    pub(super) fn is_next(&mut self, now_ms: u64, from: NodeId, id: MessageId) -> bool {
        let Some(waiting) = self.0.get_mut(&from) else { return true };
        if waiting.is_over(now_ms) {
            self.0.remove(&from);
            return true;
        }
        if waiting.ids.front() == Some(&id) {
            return true;
        }
        if waiting.ids.len() < MOST_OF_ONE && !waiting.ids.contains(&id) {
            waiting.ids.push_back(id);
        }
        false
    }

    /// The next cannot be taken yet; whether that is so for the first time.
    pub(super) fn has_to_wait(&mut self, now_ms: u64, from: NodeId, id: MessageId) -> bool {
        if self.0.len() >= MOST_SENDERS && !self.0.contains_key(&from) {
            self.0.retain(|_, waiting| !waiting.is_over(now_ms));
            if self.0.len() >= MOST_SENDERS {
                return false;
            }
        }
        let new = || Waiting { ids: VecDeque::new(), since_ms: now_ms };
        let waiting = self.0.entry(from).or_insert_with(new);
        waiting.since_ms = now_ms;
        let is_new = !waiting.ids.contains(&id);
        if is_new {
            waiting.ids.push_front(id);
        }
        is_new
    }

    /// The next was dealt with.
    pub(super) fn is_done(&mut self, now_ms: u64, from: &NodeId, id: &MessageId) {
        let Some(waiting) = self.0.get_mut(from) else { return };
        if waiting.ids.front() == Some(id) {
            waiting.ids.pop_front();
            waiting.since_ms = now_ms;
        }
        if waiting.ids.is_empty() {
            self.0.remove(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(byte: u8) -> NodeId {
        NodeId::from_digest([byte; 32])
    }

    #[test]
    fn no_message_of_a_sender_overtakes_one_that_had_to_wait() {
        let (mut turns, from) = (Turns::default(), node(1));
        assert!(turns.is_next(0, from, [1; 16]));
        assert!(turns.has_to_wait(0, from, [1; 16]));
        assert!(!turns.is_next(1, from, [2; 16]));
        assert!(turns.is_next(1, node(2), [2; 16]), "another's may be taken");
        // It comes again and has to wait again.
        assert!(turns.is_next(10, from, [1; 16]));
        assert!(!turns.has_to_wait(10, from, [1; 16]));
        assert!(turns.is_next(20, from, [1; 16]));
        turns.is_done(20, &from, &[1; 16]);
        assert!(!turns.is_next(21, from, [3; 16]), "the second is before it");
        for byte in [2, 3] {
            assert!(turns.is_next(30, from, [byte; 16]));
            turns.is_done(30, &from, &[byte; 16]);
        }
        assert!(turns.is_next(31, from, [4; 16]) && turns.0.is_empty());
    }

    #[test]
    fn what_comes_no_more_holds_up_nothing_for_good() {
        let (mut turns, from) = (Turns::default(), node(1));
        turns.has_to_wait(0, from, [1; 16]);
        assert!(!turns.is_next(PATIENCE_MS - 1, from, [2; 16]));
        assert!(turns.is_next(PATIENCE_MS, from, [2; 16]) && turns.0.is_empty());
    }

    #[test]
    fn a_sender_that_floods_takes_no_memory() {
        let mut turns = Turns::default();
        let digest = |number: u64| {
            let mut digest = [0; 32];
            digest[..8].copy_from_slice(&number.to_be_bytes());
            NodeId::from_digest(digest)
        };
        for number in 0..2_000 {
            turns.has_to_wait(0, digest(number), [0; 16]);
        }
        for byte in 1..200 {
            assert!(!turns.is_next(0, digest(0), [byte; 16]));
        }
        assert_eq!((turns.0.len(), turns.0[&digest(0)].ids.len()), (MOST_SENDERS, MOST_OF_ONE));
        turns.has_to_wait(PATIENCE_MS, digest(5_000), [0; 16]);
        assert_eq!(turns.0.len(), 1);
    }
}
