//! All carriers of one machine.

use std::collections::BTreeMap;

use super::carrier::{Dialler, Offer, Stage};
use super::effect::CarrierId;

#[derive(Debug)]
pub(super) struct Carriers {
    all: BTreeMap<CarrierId, (Dialler, Stage)>,
    last: CarrierId,
    /// Whose id is the smaller one.
    smaller: Dialler,
}

impl Carriers {
    pub(super) fn new(smaller: Dialler) -> Self {
        Self { all: BTreeMap::new(), last: 0, smaller }
    }

    pub(super) fn add(&mut self, by: Dialler, stage: Stage) -> CarrierId {
        self.last += 1;
        self.all.insert(self.last, (by, stage));
        self.last
    }

    pub(super) fn remove(&mut self, carrier: CarrierId) -> Option<Stage> {
        self.all.remove(&carrier).map(|(_, stage)| stage)
    }

    pub(super) fn dialler(&self, carrier: CarrierId) -> Option<Dialler> {
        self.all.get(&carrier).map(|(by, _)| *by)
    }

    pub(super) fn stage(&self, carrier: CarrierId) -> Option<&Stage> {
        self.all.get(&carrier).map(|(_, stage)| stage)
    }

    pub(super) fn stage_mut(&mut self, carrier: CarrierId) -> Option<&mut Stage> {
        self.all.get_mut(&carrier).map(|(_, stage)| stage)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (CarrierId, Dialler, &Stage)> {
        self.all.iter().map(|(carrier, (by, stage))| (*carrier, *by, stage))
    }

    pub(super) fn those(&self, is_meant: impl Fn(&Stage) -> bool) -> Vec<CarrierId> {
        self.iter().filter(|(_, _, stage)| is_meant(stage)).map(|(carrier, ..)| carrier).collect()
    }

    /// The one that carries the link: of those that are live the one that takes the others' place.
    pub(super) fn active(&self) -> Option<CarrierId> {
        self.best(|stage| matches!(stage, Stage::Live(_)))
    }

    /// The first among those that were welcomed.
    pub(super) fn best_welcomed(&self) -> Option<CarrierId> {
        self.best(|stage| matches!(stage, Stage::Welcomed { .. }))
    }

    /// Whether an offer takes the place of a carrier; also of one that has none.
    pub(super) fn supersedes(&self, offer: &Offer, carrier: CarrierId) -> bool {
        let other = self.stage(carrier).and_then(Stage::offer);
        other.is_none_or(|other| offer.supersedes(other, self.smaller))
    }

    /// Dials of ours that may still become links.
    pub(super) fn own_pending(&self) -> usize {
        let is_pending =
            |stage: &Stage| matches!(stage, Stage::Dialling { .. } | Stage::Offered { .. });
        self.all.values().filter(|(_, stage)| is_pending(stage)).count()
    }

    /// When something is due on any of them.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        let due_ms = |stage: &Stage| match stage {
            Stage::Live(live) => Some(live.pulse.due_ms()),
            other => other.until_ms(),
        };
        self.all.values().filter_map(|(_, stage)| due_ms(stage)).min()
    }

    fn best(&self, is_meant: impl Fn(&Stage) -> bool) -> Option<CarrierId> {
        let mut best: Option<(CarrierId, &Offer)> = None;
        for (carrier, _, stage) in self.iter().filter(|(_, _, stage)| is_meant(stage)) {
            let Some(offer) = stage.offer() else { continue };
            if best.is_none_or(|(_, best)| offer.supersedes(best, self.smaller)) {
                best = Some((carrier, offer));
            }
        }
        best.map(|(carrier, _)| carrier)
    }
}
