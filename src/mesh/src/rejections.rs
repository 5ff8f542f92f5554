//! The nodes that an admin refused: no friend's word brings them back. Where this is kept is not known here.

use std::collections::BTreeMap;

use crate::node_id::NodeId;
use crate::pending::SHORTEST_BEGINNING;

/// More than a person refuses; of more the earliest are forgotten.
const MOST: usize = 10_000;

/// That a node was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rejection {
    /// When, in milliseconds since 1970.
    at_ms: u64,
    /// Whether since this node started.
    is_fresh: bool,
}

/// All that were refused, until an admin trusts them after all.
#[derive(Debug, Default)]
pub struct Rejections(BTreeMap<NodeId, Rejection>);

impl Rejections {
    /// As they were kept over a restart: each with when it was refused, in milliseconds since 1970.
    pub fn kept(kept: impl IntoIterator<Item = (NodeId, u64)>) -> Self {
        let rejection = |at_ms| Rejection { at_ms, is_fresh: false };
        Self(kept.into_iter().map(|(id, at_ms)| (id, rejection(at_ms))).collect())
    }

    /// An admin refuses a node; gives one that is forgotten for it, where there are too many.
    pub fn reject(&mut self, now_ms: u64, id: NodeId) -> Option<NodeId> {
        self.0.insert(id, Rejection { at_ms: now_ms, is_fresh: true });
        if self.0.len() <= MOST {
            return None;
        }
        // A clock that was set back does not make the latest the earliest.
        let others = self.0.iter().filter(|(other, _)| **other != id);
        let earliest = others.min_by_key(|(_, rejection)| rejection.at_ms).map(|(id, _)| *id)?;
        self.0.remove(&earliest);
        Some(earliest)
    }

    /// An admin trusts a node after all; whether it had been refused.
    pub fn lift(&mut self, id: &NodeId) -> bool {
        self.0.remove(id).is_some()
    }

    /// Whether a node was refused: it is trusted on nobody's word.
    #[must_use]
    pub fn contains(&self, id: &NodeId) -> bool {
        self.0.contains_key(id)
    }

    /// Whether it was refused since this node started: it is not even pending. One that was refused by mistake
    /// may ask again some day.
    #[must_use]
    pub fn keeps_away(&self, id: &NodeId) -> bool {
        self.0.get(id).is_some_and(|rejection| rejection.is_fresh)
    }

    /// The one that is meant by its id in either form, or by as much of its beginning as names a node that asks.
    #[must_use]
    pub fn meant(&self, text: &str) -> Option<NodeId> {
        if let Ok(id) = text.parse::<NodeId>() {
            return self.contains(&id).then_some(id);
        }
        if text.chars().count() < SHORTEST_BEGINNING {
            return None;
        }
        let beginning = text.to_ascii_uppercase();
        let mut alike = self.0.keys().filter(|id| id.to_string().starts_with(&beginning));
        let first = alike.next()?;
        alike.next().is_none().then_some(*first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> NodeId {
        let mut digest = [7; 32];
        digest[30..].copy_from_slice(&number.to_be_bytes());
        NodeId::from_digest(digest)
    }

    #[test]
    fn whom_an_admin_refused_stays_refused_until_an_admin_says_otherwise() {
        let mut all = Rejections::default();
        assert_eq!((all.reject(1, id(1)), all.contains(&id(1))), (None, true));
        assert!(all.keeps_away(&id(1)));
        // After a restart it may ask, and is trusted on nobody's word all the same.
        let mut all = Rejections::kept([(id(1), 1)]);
        assert_eq!((all.contains(&id(1)), all.keeps_away(&id(1))), (true, false));
        assert_eq!((all.reject(2, id(1)), all.keeps_away(&id(1))), (None, true));
        assert!(all.lift(&id(1)));
        assert!(!all.lift(&id(1)) && !all.contains(&id(1)) && !all.keeps_away(&id(1)));
    }

    #[test]
    fn of_too_many_the_earliest_is_forgotten() {
        let most = u16::try_from(MOST).expect("a number");
        let mut all =
            Rejections::kept((0..most).map(|number| (id(number), 100 + u64::from(number))));
        assert_eq!(all.reject(50, id(most)), Some(id(0)), "a clock that was set back");
        assert_eq!(all.reject(60_000, id(most + 1)), Some(id(most)));
        assert!(all.contains(&id(1)) && !all.contains(&id(0)));
    }

    #[test]
    fn one_is_meant_by_its_id_or_by_enough_of_its_beginning() {
        let one = Rejections::kept([(id(1), 1)]);
        let text = id(1).to_string();
        for meant in [&text, &id(1).for_people(), &text[..13].to_lowercase()] {
            assert_eq!(one.meant(meant), Some(id(1)), "{meant}");
        }
        for nobody in ["", "anna", &text[..12], &id(2).to_string()] {
            assert_eq!(one.meant(nobody), None, "{nobody}");
        }
        assert_eq!(Rejections::kept([(id(1), 1), (id(2), 1)]).meant(&text[..13]), None);
    }
}
