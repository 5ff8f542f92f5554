//! Peers by the identities that they had before their keys were rotated.

use super::Peers;
use crate::node_id::NodeId;
use crate::peer::PeerRecord;

impl Peers {
    /// The trusted peer that had this identity before, where nobody who is known has it now: what is said of
    /// a node that is known is said of that node.
    #[must_use]
    pub fn heir(&self, id: &NodeId) -> Option<&PeerRecord> {
        if self.get(id).is_some() {
            return None;
        }
        self.trusted().find(|peer| peer.earlier_ids().any(|earlier| earlier == *id))
    }

    /// The node that a text names, as [`find`](Self::find) does, or names by an identity that it had before.
    #[must_use]
    pub fn find_now(&self, text: &str) -> Option<&PeerRecord> {
        self.find(text).or_else(|| self.heir(&text.parse().ok()?))
    }

    /// The highest serial of a rotation by this issuer that was seen here. One that did not come to its end
    /// yet may be shown again, so that it does.
    #[must_use]
    pub fn last_rotation(&self, issuer: &NodeId) -> Option<u64> {
        let finished = self.iter().filter(|peer| !peer.rotating);
        let all = finished.flat_map(|peer| &peer.rotations).filter(|one| one.from == *issuer);
        all.map(|one| one.serial).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::{PastRotation, Trust};
    use crate::selector::Selector;

    fn id(number: u8) -> NodeId {
        NodeId::from_digest([number; 32])
    }

    /// The node 3, which was 1 and then 2.
    fn rotated(trust: Trust) -> PeerRecord {
        let past = |number: u8| PastRotation { from: id(number), serial: number.into() };
        PeerRecord {
            name: "anna".to_owned(),
            trust,
            rotated_from: Some(id(2)),
            rotations: vec![past(1), past(2)],
            ..PeerRecord::new(id(3))
        }
    }

    fn meant(peers: &Peers, number: u8) -> Vec<NodeId> {
        let selector = Selector::parse(&id(number).to_string()).expect("a selector");
        peers.resolve(&selector)
    }

    #[test]
    fn a_peer_is_meant_by_each_id_that_it_had() {
        let peers = Peers::new([rotated(Trust::Trusted)]);
        for number in 1..=3 {
            assert_eq!(meant(&peers, number), [id(3)], "{number}");
        }
        assert_eq!(meant(&peers, 4), []);
        assert_eq!(peers.find_now(&id(1).for_people()).map(|peer| peer.id), Some(id(3)));
        assert_eq!(peers.find(&id(1).to_string()), None);
    }

    #[test]
    fn a_peer_that_is_not_trusted_is_nobodys_heir() {
        for trust in [Trust::Neither, Trust::Blocked] {
            let peers = Peers::new([rotated(trust)]);
            assert_eq!((meant(&peers, 1), peers.heir(&id(1))), (Vec::new(), None));
        }
    }

    #[test]
    fn what_is_said_of_a_node_that_is_known_is_said_of_no_heir() {
        for trust in [Trust::Neither, Trust::Blocked, Trust::Trusted] {
            let old = PeerRecord { trust, ..PeerRecord::new(id(1)) };
            let peers = Peers::new([rotated(Trust::Trusted), old]);
            assert_eq!(peers.heir(&id(1)), None);
            let expected = if trust == Trust::Trusted { vec![id(1)] } else { Vec::new() };
            assert_eq!(meant(&peers, 1), expected);
            assert_eq!(meant(&peers, 2), [id(3)]);
        }
    }

    #[test]
    fn a_rotation_that_was_seen_is_known_until_its_peer_is_forgotten() {
        let peers = Peers::new([rotated(Trust::Neither)]);
        assert_eq!(
            [1, 2, 3].map(|number| peers.last_rotation(&id(number))),
            [Some(1), Some(2), None]
        );
        let unfinished = PeerRecord { rotating: true, ..rotated(Trust::Trusted) };
        assert_eq!(Peers::new([unfinished]).last_rotation(&id(2)), None);
    }
}
