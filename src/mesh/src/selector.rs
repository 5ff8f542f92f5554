//! How a node is named by those who want something of it: all, a group, or one. Who is meant now is
//! the matter of [`crate::Peers`].

use std::fmt;

use crate::node_id::NodeId;
use crate::peer::{self, PeerRecord};

const GROUP_PREFIX: &str = "group:";

/// One, several or all of the trusted nodes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// `*`: every trusted node.
    All,
    /// `group:family`: every member of the group.
    Group(String),
    /// An id in either form, or the local name.
    Node(String),
}

/// Why a text names no nodes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSelector {
    /// Nothing follows `group:`, or something that no group is called.
    #[error("{0:?} is no group: a group is called by 1 to 64 of a-z, 0-9, _ and -")]
    Group(String),
    /// Neither an id nor a name.
    #[error("{0:?} names no node: give its id, its local name, \"group:<name>\" or \"*\"")]
    Node(String),
}

impl Selector {
    /// Reads a text. Whether such a node or group is known does not matter.
    ///
    /// # Errors
    /// [`BadSelector`] for what can be no name.
    pub fn parse(text: &str) -> Result<Self, BadSelector> {
        if text == "*" {
            return Ok(Self::All);
        }
        if let Some(group) = text.strip_prefix(GROUP_PREFIX) {
            let good = peer::is_group(group);
            let group = group.to_owned();
            return if good { Ok(Self::Group(group)) } else { Err(BadSelector::Group(group)) };
        }
        // An id as people read it may be longer than a name.
        if peer::is_plain_name(text) || text.parse::<NodeId>().is_ok() {
            return Ok(Self::Node(text.to_owned()));
        }
        Err(BadSelector::Node(text.chars().take(peer::LONGEST_NAME).collect()))
    }

    /// Whether it means this peer; trust is not looked at.
    #[must_use]
    pub fn matches(&self, peer: &PeerRecord) -> bool {
        match self {
            Self::All => true,
            Self::Group(group) => peer.groups.contains(group),
            Self::Node(text) => peer.name == *text || text.parse() == Ok(peer.id),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => formatter.write_str("*"),
            Self::Group(group) => write!(formatter, "{GROUP_PREFIX}{group}"),
            Self::Node(text) => formatter.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_written_again() {
        for text in ["*", "group:family", "kitchen", "Anna's laptop", &"A".repeat(52)] {
            assert_eq!(
                Selector::parse(text).map(|selector| selector.to_string()).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn names_that_nothing_can_have_are_refused() {
        for text in ["", "group:", "group:Family", "a\nb", &"x".repeat(70)] {
            assert!(Selector::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_id_means_its_node_in_either_form() {
        let peer = PeerRecord::new(NodeId::from_digest([7; 32]));
        assert!(Selector::parse(&peer.id.to_string()).is_ok_and(|id| id.matches(&peer)));
        assert!(
            Selector::parse(&peer.id.for_people().to_lowercase()).is_ok_and(|id| id.matches(&peer))
        );
        assert!(!Selector::parse("group:family").is_ok_and(|id| id.matches(&peer)));
    }
}
