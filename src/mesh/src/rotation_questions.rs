//! Which nodes were asked lately whether they are a peer with another key, so that none is asked with each
//! dial. Where this is kept is not known here.

use std::collections::HashMap;

use crate::node_id::NodeId;

/// Until a node is asked again: its answer changes with a restart of it alone.
const REST_MS: u64 = 60_000;
/// Questions remembered at once; when they are full, nobody is asked until the oldest are over.
const MOST_REMEMBERED: usize = 1_024;

/// A node that was met where a peer was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MetNode {
    /// The peer that was looked for.
    pub peer: NodeId,
    /// The node that showed its certificate instead.
    pub found: NodeId,
    /// Where, `host:port`.
    pub address: String,
}

/// The questions. `now_ms` of every call is of one clock that does not go back.
#[derive(Debug, Default)]
pub struct RotationQuestions(HashMap<MetNode, u64>);

impl RotationQuestions {
    /// Whether this node is to be asked now; then it is not for a minute.
    pub fn ask(&mut self, now_ms: u64, met: &MetNode) -> bool {
        let is_over = |asked_ms: u64| now_ms.saturating_sub(asked_ms) >= REST_MS;
        if self.0.get(met).is_some_and(|asked_ms| !is_over(*asked_ms)) {
            return false;
        }
        if self.0.len() >= MOST_REMEMBERED {
            self.0.retain(|_, asked_ms| !is_over(*asked_ms));
        }
        if self.0.len() >= MOST_REMEMBERED {
            return false;
        }
        self.0.insert(met.clone(), now_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(peer: u8, found: u8, address: &str) -> MetNode {
        let id = |number| NodeId::from_digest([number; 32]);
        MetNode { peer: id(peer), found: id(found), address: address.to_owned() }
    }

    #[test]
    fn one_node_at_one_address_is_asked_once_a_minute() {
        let mut questions = RotationQuestions::default();
        assert!(questions.ask(5, &met(1, 2, "a:1")));
        assert!(!questions.ask(5, &met(1, 2, "a:1")));
        assert!(!questions.ask(5 + REST_MS - 1, &met(1, 2, "a:1")));
        assert!(questions.ask(5 + REST_MS, &met(1, 2, "a:1")));
        assert!(!questions.ask(6 + REST_MS, &met(1, 2, "a:1")));
    }

    #[test]
    fn another_node_another_address_and_another_peer_are_others() {
        let mut questions = RotationQuestions::default();
        assert!(questions.ask(5, &met(1, 2, "a:1")));
        for other in [met(1, 3, "a:1"), met(1, 2, "b:1"), met(4, 2, "a:1")] {
            assert!(questions.ask(5, &other), "{other:?}");
        }
    }

    #[test]
    fn strangers_without_end_take_no_memory() {
        let mut questions = RotationQuestions::default();
        let asked = (0..5_000).filter(|port| questions.ask(5, &met(1, 2, &format!("a:{port}"))));
        assert_eq!(asked.count(), MOST_REMEMBERED);
        assert!(questions.ask(5 + REST_MS, &met(1, 2, "b:1")));
        assert_eq!(questions.0.len(), 1);
    }
}
