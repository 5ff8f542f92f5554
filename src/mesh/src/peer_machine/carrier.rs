//! One carrier, how far it is, and which of two takes the other's place.

use super::pulse::Pulse;

/// Who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialler {
    Us,
    Peer,
}

/// What the hello of a carrier says of its place among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) by: Dialler,
    /// The life of the dialler's end.
    pub(super) session: u64,
    pub(super) dial: u64,
    /// Of the other side: its life, and its highest dial, that the dialler had seen.
    pub(super) seen: Option<(u64, u64)>,
}

/// How far a carrier is.
#[derive(Debug)]
pub(super) enum Stage {
    /// We dial.
    Dialling { until_ms: u64 },
    /// Ours: the hello is sent.
    Offered { offer: Offer, until_ms: u64 },
    /// Theirs: the hello has not come.
    Accepted { until_ms: u64 },
    /// Theirs: the welcome is sent, and nothing heard since. Whether it arrived is not known, so this is
    /// no link yet.
    Welcomed { offer: Offer, until_ms: u64 },
    /// Both know that it works.
    Live(Live),
    /// We said goodbye. What the other side sent before it knew is still read.
    Parting { until_ms: u64 },
}

#[derive(Debug)]
pub(super) struct Live {
    pub(super) offer: Offer,
    pub(super) pulse: Pulse,
}

impl Offer {
    /// Whether the dialler knew of the other when it dialled.
    fn saw(&self, other: &Self) -> bool {
        self.seen.is_some_and(|(session, dial)| session == other.session && dial >= other.dial)
    }

    /// Whether it takes the other's place. Of two by one side the later does. Of two by different sides
    /// the one whose dialler knew of the other: it wanted another link. If neither knew, they crossed,
    /// and the one by the smaller id stays. Both sides see the same offers and so decide the same, and
    /// it is an order: no three take each other's place in a circle.
    pub(super) fn supersedes(&self, other: &Self, smaller: Dialler) -> bool {
        if self.by == other.by {
            return self.dial > other.dial;
        }
        if self.saw(other) {
            return true;
        }
        !other.saw(self) && self.by == smaller
    }
}

impl Stage {
    /// When it ends if nothing happens.
    pub(super) const fn until_ms(&self) -> Option<u64> {
        match self {
            Self::Dialling { until_ms }
            | Self::Offered { until_ms, .. }
            | Self::Accepted { until_ms }
            | Self::Welcomed { until_ms, .. }
            | Self::Parting { until_ms } => Some(*until_ms),
            Self::Live(_) => None,
        }
    }

    pub(super) const fn offer(&self) -> Option<&Offer> {
        match self {
            Self::Offered { offer, .. } | Self::Welcomed { offer, .. } => Some(offer),
            Self::Live(live) => Some(&live.offer),
            Self::Dialling { .. } | Self::Accepted { .. } | Self::Parting { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OURS: u64 = 1;
    const THEIRS: u64 = 2;

    fn ours(dial: u64, seen: u64) -> Offer {
        Offer { by: Dialler::Us, session: OURS, dial, seen: Some((THEIRS, seen)) }
    }

    fn theirs(dial: u64, seen: u64) -> Offer {
        Offer { by: Dialler::Peer, session: THEIRS, dial, seen: Some((OURS, seen)) }
    }

    #[test]
    fn of_two_that_cross_the_one_by_the_smaller_id_stays() {
        let (ours, theirs) = (ours(1, 0), theirs(1, 0));
        assert!(ours.supersedes(&theirs, Dialler::Us) && !theirs.supersedes(&ours, Dialler::Us));
        assert!(
            theirs.supersedes(&ours, Dialler::Peer) && !ours.supersedes(&theirs, Dialler::Peer)
        );
    }

    #[test]
    fn one_that_was_dialled_knowing_the_other_takes_its_place_whoever_dialled() {
        assert!(theirs(1, 1).supersedes(&ours(1, 0), Dialler::Us));
        assert!(!ours(1, 0).supersedes(&theirs(1, 1), Dialler::Us));
    }

    #[test]
    fn what_was_seen_of_another_life_counts_for_nothing() {
        let stale = Offer { seen: Some((OURS + 7, 99)), ..theirs(1, 0) };
        assert!(!stale.supersedes(&ours(1, 0), Dialler::Us));
    }

    #[test]
    fn of_two_by_one_side_the_later_stays() {
        assert!(ours(2, 0).supersedes(&ours(1, 0), Dialler::Peer));
        assert!(theirs(2, 0).supersedes(&theirs(1, 0), Dialler::Us));
    }

    proptest! {
        /// What can happen: each side numbers its dials, and sees more and more of the other's, but
        /// never one that had not been dialled.
        #[test]
        fn any_history_of_dials_is_ordered(steps in prop::collection::vec(0u8..4, 1..24)) {
            let (mut sent, mut seen, mut all) = ([0u64; 2], [0u64; 2], Vec::new());
            for step in steps {
                match step {
                    0 => { sent[0] += 1; all.push(ours(sent[0], seen[0])); }
                    1 => { sent[1] += 1; all.push(theirs(sent[1], seen[1])); }
                    2 => seen[0] = (seen[0] + 1).min(sent[1]),
                    _ => seen[1] = (seen[1] + 1).min(sent[0]),
                }
            }
            for smaller in [Dialler::Us, Dialler::Peer] {
                for one in &all {
                    for other in all.iter().filter(|other| *other != one) {
                        prop_assert_ne!(one.supersedes(other, smaller), other.supersedes(one, smaller));
                        for third in all.iter().filter(|third| *third != one && *third != other) {
                            let chain = one.supersedes(other, smaller) && other.supersedes(third, smaller);
                            prop_assert!(!chain || one.supersedes(third, smaller));
                        }
                    }
                }
            }
        }
    }
}
