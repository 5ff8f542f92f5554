//! What becomes of an introduction, and of those who were introduced when their introducer is trusted no
//! more: rules over the peers as they are now. Signatures, serials and dates were looked at before.

mod addresses;

use std::collections::BTreeSet;

use crate::node_id::NodeId;
use crate::peer::{IntroductionPolicy, PeerRecord, Trust};
use crate::peers::Peers;
use crate::statement::{Claims, StatementContent};
pub use addresses::addresses_to_tell;

/// What is done about an introduction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntroductionOutcome {
    /// The subject is pending; an admin decides.
    Ask(Introduced),
    /// The subject is trusted as long as its introducer is.
    Accept(Introduced),
    /// The subject is trusted on this issuer's word already, which it says anew.
    Renew(Introduced),
    /// The subject is trusted already; nothing changes.
    Known,
}

/// Who was introduced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduced {
    /// Who.
    pub id: NodeId,
    /// By whom.
    pub introducer: NodeId,
    /// What the introducer calls it.
    pub name: String,
    /// Of the groups that the introducer named those that it may confer.
    pub groups: Vec<String>,
    /// Where it listens.
    pub addresses: Vec<String>,
}

/// Why an introduction changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntroductionRefusal {
    /// Another kind of statement.
    #[error("this statement is no introduction")]
    Kind,
    /// The issuer may not vouch for others.
    #[error("the node that signed this introduction is no introducer here")]
    NoIntroducer,
    /// It may, but nothing is done about it.
    #[error("introductions by this node are switched off here")]
    Off,
    /// It vouches for this node.
    #[error("this introduction is about this node itself")]
    OfUs,
    /// The subject is blocked, whoever vouches for it.
    #[error("the node that is introduced is blocked here")]
    Blocked,
}

/// What is to be done about an introduction that counts. A subject that an admin `rejected` is trusted on nobody's
/// word.
///
/// # Errors
/// [`IntroductionRefusal`].
pub fn introduction_outcome(
    peers: &Peers,
    us: &NodeId,
    claims: &Claims,
    rejected: bool,
) -> Result<IntroductionOutcome, IntroductionRefusal> {
    let StatementContent::Introduction { name, groups, addresses } = &claims.content else {
        return Err(IntroductionRefusal::Kind);
    };
    let introducer = peers
        .get(&claims.issuer)
        .filter(|issuer| issuer.trust == Trust::Trusted && issuer.introducer)
        .ok_or(IntroductionRefusal::NoIntroducer)?;
    if introducer.introductions == IntroductionPolicy::Off {
        return Err(IntroductionRefusal::Off);
    }
    if claims.subject == *us {
        return Err(IntroductionRefusal::OfUs);
    }
    // Who introduces it has not heard of its new identity yet.
    if peers.heir(&claims.subject).is_some() {
        return Ok(IntroductionOutcome::Known);
    }
    let subject = peers.get(&claims.subject);
    let trust = subject.map(|subject| subject.trust).unwrap_or_default();
    if trust == Trust::Blocked {
        return Err(IntroductionRefusal::Blocked);
    }
    let on_its_word = |subject: &PeerRecord| {
        subject.introduced_by == Some(claims.issuer.to_string()) && !subject.confirmed
    };
    let may_be = |group: &&String| introducer.may_confer.contains(group);
    let introduced = Introduced {
        id: claims.subject,
        introducer: claims.issuer,
        name: name.clone(),
        groups: groups.iter().filter(may_be).cloned().collect(),
        addresses: addresses.clone(),
    };
    let accepts = introducer.introductions == IntroductionPolicy::Accept;
    if trust == Trust::Trusted {
        return Ok(match subject {
            Some(subject) if accepts && on_its_word(subject) => {
                IntroductionOutcome::Renew(introduced)
            }
            _ => IntroductionOutcome::Known,
        });
    }
    Ok(match introducer.introductions {
        IntroductionPolicy::Accept if !rejected => IntroductionOutcome::Accept(introduced),
        IntroductionPolicy::Accept | IntroductionPolicy::Ask | IntroductionPolicy::Off => {
            IntroductionOutcome::Ask(introduced)
        }
    })
}

/// Those who are trusted on the word of a node that is not trusted (any more) itself, or on a word whose
/// time is over, and whom no admin confirmed: they are not to be trusted either. Whom they introduced in
/// turn is found when they are not.
pub fn trusted_on_lost_words<'a>(
    records: impl Iterator<Item = &'a PeerRecord> + Clone,
    now_ms: u64,
) -> Vec<NodeId> {
    let trusted = records.clone().filter(|record| record.trust == Trust::Trusted);
    let trusted: BTreeSet<String> = trusted.map(|record| record.id.to_string()).collect();
    let is_lost = |record: &&PeerRecord| {
        let introducer = record.introduced_by.as_ref();
        record.is_on_a_word()
            && (introducer.is_some_and(|introducer| !trusted.contains(introducer))
                || record.introduced_until_ms.is_some_and(|until_ms| until_ms <= now_ms))
    };
    records.filter(is_lost).map(|record| record.id).collect()
}

/// When the next word is over on which somebody is trusted, in milliseconds since 1970.
pub fn next_word_over<'a>(records: impl Iterator<Item = &'a PeerRecord>) -> Option<u64> {
    records.filter(|record| record.is_on_a_word()).filter_map(|it| it.introduced_until_ms).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::PastRotation;

    fn id(byte: u8) -> NodeId {
        NodeId::from_digest([byte; 32])
    }

    fn introducer() -> PeerRecord {
        PeerRecord {
            trust: Trust::Trusted,
            introducer: true,
            may_confer: vec!["family".to_owned()],
            ..PeerRecord::new(id(1))
        }
    }

    fn claims() -> Claims {
        Claims {
            issuer: id(1),
            subject: id(2),
            audience: Some(id(3)),
            serial: 1,
            issued_ms: 0,
            expires_ms: 1,
            content: StatementContent::Introduction {
                name: "bert".to_owned(),
                groups: vec!["family".to_owned(), "admins".to_owned()],
                addresses: Vec::new(),
            },
        }
    }

    fn outcome(
        records: impl IntoIterator<Item = PeerRecord>,
    ) -> Result<IntroductionOutcome, IntroductionRefusal> {
        introduction_outcome(&Peers::new(records), &id(3), &claims(), false)
    }

    #[test]
    fn an_introducer_confers_what_it_may_and_no_more() {
        let Ok(IntroductionOutcome::Ask(introduced)) = outcome([introducer()]) else {
            panic!("an admin is asked")
        };
        assert_eq!((introduced.name.as_str(), introduced.groups), ("bert", vec!["family".into()]));
        let accepting = PeerRecord { introductions: IntroductionPolicy::Accept, ..introducer() };
        assert!(matches!(outcome([accepting]), Ok(IntroductionOutcome::Accept(_))));
    }

    #[test]
    fn whom_an_admin_rejected_is_trusted_on_nobodys_word() {
        let accepting = PeerRecord { introductions: IntroductionPolicy::Accept, ..introducer() };
        let left = PeerRecord { introduced_by: Some(id(1).to_string()), ..PeerRecord::new(id(2)) };
        for peers in [vec![accepting.clone()], vec![accepting, left]] {
            let peers = Peers::new(peers);
            let outcome = |rejected| introduction_outcome(&peers, &id(3), &claims(), rejected);
            assert!(matches!(outcome(true), Ok(IntroductionOutcome::Ask(_))));
            assert!(matches!(outcome(false), Ok(IntroductionOutcome::Accept(_))));
        }
    }

    #[test]
    fn who_a_peer_was_is_introduced_by_nobody() {
        let accepting = PeerRecord { introductions: IntroductionPolicy::Accept, ..introducer() };
        let past = PastRotation { from: id(2), serial: 1 };
        let heir =
            PeerRecord { trust: Trust::Trusted, rotations: vec![past], ..PeerRecord::new(id(4)) };
        assert_eq!(outcome([accepting, heir]), Ok(IntroductionOutcome::Known));
    }

    #[test]
    fn whoever_may_not_vouch_changes_nothing() {
        let no_introducer = Err(IntroductionRefusal::NoIntroducer);
        assert_eq!(outcome([]), no_introducer);
        assert_eq!(outcome([PeerRecord { introducer: false, ..introducer() }]), no_introducer);
        assert_eq!(outcome([PeerRecord { trust: Trust::Neither, ..introducer() }]), no_introducer);
        let off = PeerRecord { introductions: IntroductionPolicy::Off, ..introducer() };
        assert_eq!(outcome([off]), Err(IntroductionRefusal::Off));
        let blocked = PeerRecord { trust: Trust::Blocked, ..PeerRecord::new(id(2)) };
        assert_eq!(outcome([introducer(), blocked]), Err(IntroductionRefusal::Blocked));
        let known = PeerRecord { trust: Trust::Trusted, ..PeerRecord::new(id(2)) };
        assert_eq!(outcome([introducer(), known]), Ok(IntroductionOutcome::Known));
        let peers = Peers::new([introducer()]);
        let of_us = introduction_outcome(&peers, &id(2), &claims(), false);
        assert_eq!(of_us, Err(IntroductionRefusal::OfUs));
    }

    #[test]
    fn trust_on_somebodys_word_ends_with_it_unless_it_was_confirmed() {
        let by = |number: u8, introducer: u8, confirmed: bool| PeerRecord {
            trust: Trust::Trusted,
            introduced_by: Some(id(introducer).to_string()),
            confirmed,
            ..PeerRecord::new(id(number))
        };
        let introduced = [by(4, 1, false), by(5, 1, true), by(6, 4, false)];
        assert_eq!(trusted_on_lost_words(introduced.iter().chain([&introducer()]), 0), []);
        assert_eq!(trusted_on_lost_words(introduced.iter(), 0), [id(4)]);
        assert_eq!(trusted_on_lost_words(introduced[1..].iter(), 0), [id(6)]);
    }

    #[test]
    fn trust_on_somebodys_word_ends_with_its_time_unless_it_was_confirmed() {
        let until = |number: u8, until_ms, confirmed| PeerRecord {
            trust: Trust::Trusted,
            introduced_by: Some(id(1).to_string()),
            introduced_until_ms: Some(until_ms),
            confirmed,
            ..PeerRecord::new(id(number))
        };
        let all = [introducer(), until(4, 100, false), until(5, 50, true), until(6, 200, false)];
        assert_eq!(next_word_over(all.iter()), Some(100));
        assert_eq!(trusted_on_lost_words(all.iter(), 99), []);
        assert_eq!(trusted_on_lost_words(all.iter(), 100), [id(4)]);
        assert_eq!(next_word_over([introducer()].iter()), None);
    }

    #[test]
    fn an_introducer_says_its_word_anew_where_trust_hangs_on_it() {
        let accepting = PeerRecord { introductions: IntroductionPolicy::Accept, ..introducer() };
        let on_its_word = PeerRecord {
            trust: Trust::Trusted,
            introduced_by: Some(id(1).to_string()),
            ..PeerRecord::new(id(2))
        };
        let renewed = outcome([accepting.clone(), on_its_word.clone()]);
        assert!(matches!(renewed, Ok(IntroductionOutcome::Renew(_))));
        let confirmed = PeerRecord { confirmed: true, ..on_its_word.clone() };
        assert_eq!(outcome([accepting, confirmed]), Ok(IntroductionOutcome::Known));
        assert_eq!(outcome([introducer(), on_its_word]), Ok(IntroductionOutcome::Known));
    }
}
