//! Ids of nodes within texts for people: 52 characters hide what stands behind them, so each becomes what the
//! node is called here, or its beginning.

use std::sync::Arc;

use refuge_mesh::{NodeId, Peers};
use refuge_otp::Names;
use serde_json::Value;

use crate::peer_directory;

/// Characters that stand for an id that nobody has a name for.
const BEGINNING: usize = 7;

/// What nodes are called here.
pub(super) struct Shortening(Option<Arc<Peers>>);

impl Shortening {
    /// By the peers as they are now.
    pub(super) fn of(names: &Names) -> Self {
        Self(peer_directory::peers(names))
    }

    /// A text with its ids shortened.
    pub(super) fn shorten(&self, text: &str) -> String {
        let mut short = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest.find(|one: char| !is_in_ids(one)).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(word);
            match NodeId::from_canonical(word) {
                Ok(id) => short.push_str(&self.called(&id)),
                Err(_) => short.push_str(word),
            }
            let between = behind.find(is_in_ids).unwrap_or(behind.len());
            let (between, further) = behind.split_at(between);
            short.push_str(between);
            rest = further;
        }
        short
    }

    /// A text, if it is one; all else as it is.
    pub(super) fn shorten_value(&self, value: Value) -> Value {
        match value {
            Value::String(text) => self.shorten(&text).into(),
            other => other,
        }
    }

    fn called(&self, id: &NodeId) -> String {
        let peer = self.0.as_ref().and_then(|peers| peers.get(id));
        let beginning = || id.to_string().chars().take(BEGINNING).collect();
        peer.map_or_else(beginning, |peer| peer.name.clone())
    }
}

/// Letters, in small as well, so that an id is only taken for one where it stands alone.
fn is_in_ids(one: char) -> bool {
    one.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use refuge_mesh::PeerRecord;

    use super::*;

    #[test]
    fn ids_within_a_text_are_names_or_beginnings() {
        let id = |number: u8| NodeId::from_digest([number; 32]);
        let anna = PeerRecord { name: "anna".to_owned(), ..PeerRecord::new(id(1)) };
        let shortening = Shortening(Some(Arc::new(Peers::new([anna]))));
        let text = format!("node://{}/cities forbids it, says {}.", id(1), id(2));
        let beginning: String = id(2).to_string().chars().take(7).collect();
        let expected = format!("node://anna/cities forbids it, says {beginning}.");
        assert_eq!(shortening.shorten(&text), expected);
        assert_eq!(shortening.shorten(&id(1).to_string()), "anna");
        let longer = format!("{}A", id(1));
        for other in ["", "ä – nothing", &longer] {
            assert_eq!(shortening.shorten(other), other);
        }
    }
}
