//! Ends that name nodes which are not there at all: a name that is misspelt is told from a node that is down.

use refuge_mesh::{Peers, Selector};

use super::document::State;
use super::{DocumentName, Documents};

/// Why nobody can be meant, where no peer is called so or is in that group; `None` where one is, whether it is up
/// or not.
#[must_use]
pub fn no_peer_named(selector: &Selector, peers: &Peers) -> Option<String> {
    // An id that a peer had before is known to `resolve` alone.
    let known =
        peers.iter().any(|peer| selector.matches(peer)) || !peers.resolve(selector).is_empty();
    let lacking = match selector {
        _ if known => return None,
        Selector::All => "no peer is known".to_owned(),
        Selector::Group(_) => format!("no peer is in `{selector}`"),
        Selector::Node(_) => format!("no peer is called `{selector}`"),
    };
    Some(format!(
        "{lacking} (`refuge peer list` shows them); a document in _replicator waits until one is"
    ))
}

impl Documents {
    /// The documents that wait for nodes which no peer is, at most so many, each with what is lacking.
    #[must_use]
    pub fn waiting_in_vain(&self, peers: &Peers, limit: usize) -> Vec<(DocumentName, String)> {
        let waiting = self.documents.iter().filter_map(|(name, document)| {
            let State::Active(active) = &document.state else { return None };
            let lacking = no_peer_named(&active.job.node_end()?.selector, peers)?;
            Some((name.clone(), lacking))
        });
        waiting.take(limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use refuge_mesh::{NodeId, PeerRecord};

    use super::*;

    #[test]
    fn a_name_that_no_peer_has_is_told_from_one_that_is_down() {
        let anna = PeerRecord {
            name: "anna".to_owned(),
            groups: vec!["family".to_owned()],
            ..PeerRecord::new(NodeId::from_digest([1; 32]))
        };
        let id = anna.id.to_string();
        let peers = Peers::new([anna]);
        let told = |text: &str, peers: &Peers| {
            no_peer_named(&Selector::parse(text).expect("a selector"), peers)
        };
        for known in ["anna", "group:family", "*", &id] {
            assert_eq!(told(known, &peers), None, "{known}");
        }
        let rest = "(`refuge peer list` shows them); a document in _replicator waits until one is";
        let expected = format!("no peer is called `nosuch` {rest}");
        assert_eq!(told("nosuch", &peers), Some(expected));
        let expected = format!("no peer is in `group:nosuch` {rest}");
        assert_eq!(told("group:nosuch", &peers), Some(expected));
        let expected = format!("no peer is known {rest}");
        assert_eq!(told("*", &Peers::default()), Some(expected));
    }
}
