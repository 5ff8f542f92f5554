//! Who is meant by what an admin typed of a node that asks.

use super::PendingList;
use crate::node_id::NodeId;
use crate::peers::Peers;

/// Characters of an id's beginning that name a node: 65 bits, so that nobody makes a key whose id begins
/// like another's. The name of a node that was given none is as long.
pub const SHORTEST_BEGINNING: usize = 13;

/// A node that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meant {
    /// One that asks.
    Asking(NodeId),
    /// One that is known and does not ask.
    Known(NodeId),
}

/// Why nobody in particular is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// A beginning that others could have made alike.
    #[error("give at least {SHORTEST_BEGINNING} characters of the id: shorter ones are imitated")]
    TooShort,
    /// A name and a beginning, or a beginning of two.
    #[error("more than one node is meant by this name or beginning of an id: give the whole id")]
    Several,
}

impl PendingList {
    /// One that asks or is known: by its id in either form, by the name that it has here, or, of those
    /// that ask, by the beginning of its id. A name that was given here is tried before any beginning.
    ///
    /// # Errors
    /// [`Unclear`].
    pub fn meant(&self, peers: &Peers, text: &str) -> Result<Option<Meant>, Unclear> {
        let who = |id: NodeId| match self.get(&id) {
            Some(_) => Some(Meant::Asking(id)),
            None => peers.get(&id).map(|_| Meant::Known(id)),
        };
        if let Ok(id) = text.parse::<NodeId>() {
            return Ok(who(id));
        }
        let named = peers.by_name(text).map(|known| known.id);
        let beginning = text.to_ascii_uppercase();
        let alike = |id: &&NodeId| id.to_string().starts_with(&beginning) && named != Some(**id);
        let mut begin = self.0.keys().filter(alike).copied();
        let first = begin.next().filter(|_| !text.is_empty());
        let is_long = text.chars().count() >= SHORTEST_BEGINNING;
        match (named, first) {
            (Some(_), Some(_)) if is_long => Err(Unclear::Several),
            (Some(named), _) => Ok(who(named)),
            (None, None) => Ok(None),
            (None, Some(_)) if !is_long => Err(Unclear::TooShort),
            (None, Some(_)) if begin.next().is_some() => Err(Unclear::Several),
            (None, Some(first)) => Ok(Some(Meant::Asking(first))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::PeerRecord;
    use crate::pending::PendingPeer;

    fn id(last: u8) -> NodeId {
        let mut digest = [7; 32];
        digest[31] = last;
        NodeId::from_digest(digest)
    }

    fn list(asking: &[NodeId]) -> PendingList {
        let mut list = PendingList::default();
        for (number, id) in asking.iter().enumerate() {
            let asking = PendingPeer {
                id: *id,
                name: String::new(),
                addresses: Vec::new(),
                from: format!("203.0.113.{number}").parse().ok(),
                introducer: None,
                groups: Vec::new(),
                since_ms: 0,
            };
            list.ask(asking).expect("room");
        }
        list
    }

    fn named(name: &str, id: NodeId) -> Peers {
        Peers::new([PeerRecord { name: name.to_owned(), ..PeerRecord::new(id) }])
    }

    #[test]
    fn a_beginning_that_is_cheap_to_imitate_means_nobody() {
        let (one, nobody) = (list(&[id(1)]), Peers::default());
        let text = id(1).to_string();
        for length in [1, 6, 12] {
            assert_eq!(one.meant(&nobody, &text[..length]), Err(Unclear::TooShort));
        }
        for length in [13, 40, 52] {
            let meant = one.meant(&nobody, &text[..length].to_lowercase());
            assert_eq!(meant, Ok(Some(Meant::Asking(id(1)))), "{length}");
        }
        assert_eq!(one.meant(&nobody, ""), Ok(None));
        assert_eq!(one.meant(&nobody, "ZZZZZZ"), Ok(None));
        let two = list(&[id(1), id(2)]);
        assert_eq!(two.meant(&nobody, &text[..13]), Err(Unclear::Several));
        assert_eq!(two.meant(&nobody, &text), Ok(Some(Meant::Asking(id(1)))));
    }

    #[test]
    fn a_name_that_was_given_here_is_no_strangers_beginning() {
        let asks = list(&[id(1)]);
        let short = id(1).to_string()[..6].to_lowercase();
        assert_eq!(asks.meant(&named(&short, id(9)), &short), Ok(Some(Meant::Known(id(9)))));
        let long = id(1).to_string()[..14].to_lowercase();
        assert_eq!(asks.meant(&named(&long, id(9)), &long), Err(Unclear::Several));
        // The name of one that was given none is the beginning of its id.
        let default = PeerRecord::default_name(&id(1));
        let same = named(&default, id(1));
        assert_eq!(asks.meant(&same, &default), Ok(Some(Meant::Asking(id(1)))));
    }
}
