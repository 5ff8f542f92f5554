//! Which statements make a node the peer that it was: with real keys, of the shortest kind.

use refuge_identity::{LEAST_KEY_BITS, NodeKey, sign_rotation};
use refuge_mesh::{Claims, PeerRecord, Trust};

use super::*;

fn key() -> NodeKey {
    NodeKey::generate(LEAST_KEY_BITS).unwrap()
}

fn rotation(old: &NodeKey, new: &NodeKey, serial: u64) -> Statement {
    let now_ms = crate::now_ms();
    let claims = Claims {
        issuer: old.id(),
        subject: new.id(),
        audience: None,
        serial,
        issued_ms: now_ms,
        expires_ms: now_ms + 60 * 60 * 1_000,
        content: StatementContent::Rotation { key: new.public().unwrap().to_der().unwrap() },
    };
    sign_rotation((old, new), &claims).unwrap()
}

fn trusted(key: &NodeKey) -> PeerRecord {
    let certificate = Certificate::issue(key, "peer").unwrap().to_pem().unwrap();
    let certificate = Some(certificate);
    PeerRecord { trust: Trust::Trusted, certificate, ..PeerRecord::new(key.id()) }
}

fn past(key: &NodeKey, serial: u64) -> PastRotation {
    PastRotation { from: key.id(), serial }
}

#[test]
fn a_way_of_several_steps_leads_to_its_end_alone() {
    let (first, second, third) = (key(), key(), key());
    let peers = Peers::new([trusted(&first)]);
    let way = [rotation(&first, &second, 1), rotation(&second, &third, 2)];
    let expected = RotatedPeer {
        old: first.id(),
        new: third.id(),
        proved: vec![past(&first, 1), past(&second, 2)],
    };
    assert_eq!(prove(&peers, third.id(), &way).unwrap(), expected);
    prove(&peers, second.id(), &way).unwrap_err();
    prove(&peers, third.id(), &way[1..]).unwrap_err();
    let blocked = PeerRecord { trust: Trust::Blocked, ..PeerRecord::new(second.id()) };
    prove(&Peers::new([trusted(&first), blocked]), third.id(), &way).unwrap_err();
}

#[test]
fn of_identities_that_are_known_the_latest_is_the_one_that_is_left() {
    let (first, second, third) = (key(), key(), key());
    let way = [rotation(&first, &second, 1), rotation(&second, &third, 2)];
    let blocked = PeerRecord { trust: Trust::Blocked, ..PeerRecord::new(first.id()) };
    for before in [trusted(&first), blocked] {
        let peers = Peers::new([before, trusted(&second)]);
        assert_eq!(prove(&peers, third.id(), &way).unwrap().old, second.id());
    }
}

#[test]
fn a_rotation_that_was_seen_gives_nothing_once_more() {
    let (old, new) = (key(), key());
    // An admin revoked the new identity since, and trusts the old one again.
    let revoked = PeerRecord { rotations: vec![past(&old, 5)], ..PeerRecord::new(new.id()) };
    let peers = Peers::new([trusted(&old), revoked]);
    for serial in [4, 5] {
        let refused = prove(&peers, new.id(), &[rotation(&old, &new, serial)]).unwrap_err();
        assert!(refused.to_string().contains("replayed"), "{refused}");
    }
    prove(&peers, new.id(), &[rotation(&old, &new, 6)]).unwrap();
}
