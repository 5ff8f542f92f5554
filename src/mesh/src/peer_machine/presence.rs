//! Whether the peer is up: the states, and what leads from one to the next. Also when to dial, which
//! depends on nothing else.

use super::carrier::{Dialler, Stage};
use super::effect::Effect;
use super::{PeerMachine, STEADY_MS, STEP_MS};
use crate::event::DownReason;
use crate::frame::{Frame, Goodbye};

/// A link that broke has so long to be made anew before the peer is told down: as long as a few ways
/// there and back, so that the restart of one connection shows nowhere.
const RELINK_MS: u64 = 1_000;
/// A suspicion lasts so long at least, also when it comes late because this node itself slept.
const LEAST_PROBE_MS: u64 = 1_900;
/// The probes of a peer that we cannot dial are its own, and begin when it has missed us.
const THEIR_PROBE_MS: u64 = 300;
/// Between the first probe and the second; it doubles.
const PROBE_PAUSE_MS: u64 = 1_000;
/// Dials under way at once: a connection whose first segments are lost takes seconds, the next does not.
pub(super) const MOST_DIALS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// There is no link.
    Away,
    /// There is one, but of late there were too many: the peer is not told up before this time.
    Settling { until_ms: u64 },
    /// Up.
    Up { since_ms: u64 },
    /// Up, but silent.
    Suspected { since_ms: u64, suspected_ms: u64, probe_ms: u64, pause_ms: u64 },
    /// Up, but its link broke.
    Relinking { since_ms: u64, until_ms: u64 },
    /// For good.
    Ended,
}

impl Presence {
    /// Whether the peer was told up.
    pub(super) const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. } | Self::Suspected { .. } | Self::Relinking { .. })
    }

    /// Whether a link is lacking.
    pub(super) const fn wants_link(&self) -> bool {
        matches!(self, Self::Away | Self::Relinking { .. })
    }
}

impl PeerMachine {
    /// Goes from state to state until nothing changes.
    pub(super) fn review(&mut self) {
        while let Some(next) = self.next_presence() {
            self.presence = next;
        }
    }

    fn next_presence(&mut self) -> Option<Presence> {
        let now_ms = self.now_ms;
        let linked = self.carriers.active().is_some();
        match self.presence {
            Presence::Away if linked => Some(self.arrived()),
            Presence::Settling { .. } if !linked => Some(self.fallen()),
            Presence::Settling { .. } if now_ms >= self.detector.down_at() => Some(self.fallen()),
            Presence::Settling { until_ms } if now_ms >= until_ms => Some(self.rise()),
            Presence::Up { since_ms } if !linked => {
                Some(self.relinking(since_ms, now_ms + RELINK_MS))
            }
            Presence::Up { since_ms } if now_ms >= self.detector.suspect_at() => {
                self.probe();
                let probe_ms = now_ms + PROBE_PAUSE_MS;
                let pause_ms = PROBE_PAUSE_MS * 2;
                Some(Presence::Suspected { since_ms, suspected_ms: now_ms, probe_ms, pause_ms })
            }
            Presence::Suspected { since_ms, suspected_ms, .. } if !linked => {
                let until_ms = self.gone_at(suspected_ms).min(now_ms + RELINK_MS);
                Some(self.relinking(since_ms, until_ms))
            }
            Presence::Suspected { since_ms, .. } if now_ms < self.detector.suspect_at() => {
                self.close_those(|stage| matches!(stage, Stage::Dialling { .. }));
                Some(Presence::Up { since_ms })
            }
            Presence::Suspected { suspected_ms, .. } if now_ms >= self.gone_at(suspected_ms) => {
                Some(self.fall(DownReason::Timeout))
            }
            Presence::Suspected { since_ms, suspected_ms, probe_ms, pause_ms }
                if now_ms >= probe_ms =>
            {
                self.probe();
                let (probe_ms, pause_ms) = (now_ms + pause_ms, pause_ms * 2);
                Some(Presence::Suspected { since_ms, suspected_ms, probe_ms, pause_ms })
            }
            Presence::Relinking { since_ms, .. } if linked => Some(Presence::Up { since_ms }),
            Presence::Relinking { until_ms, .. } if now_ms >= until_ms => {
                Some(self.fall(DownReason::Closed))
            }
            _ => None,
        }
    }

    /// When something is due because of the state.
    pub(super) fn presence_wake(&self) -> Option<u64> {
        match self.presence {
            Presence::Away | Presence::Ended => None,
            Presence::Settling { until_ms } => Some(until_ms.min(self.detector.down_at())),
            Presence::Up { .. } => Some(self.detector.suspect_at()),
            Presence::Suspected { suspected_ms, probe_ms, .. } => {
                Some(probe_ms.min(self.gone_at(suspected_ms)))
            }
            Presence::Relinking { until_ms, .. } => Some(until_ms),
        }
    }

    /// Tells the peer down if it is up; it is away from now on.
    pub(super) fn fall(&mut self, reason: DownReason) -> Presence {
        if self.presence.is_up() {
            self.effects.push(Effect::Down { reason });
        }
        self.fallen()
    }

    /// Ends for good, with a last word to the peer.
    pub(super) fn end(&mut self, reason: Goodbye) -> Vec<Effect> {
        for carrier in self.carriers.those(|stage| matches!(stage, Stage::Live(_))) {
            self.send(carrier, Frame::Goodbye(reason));
        }
        self.close_those(|_| true);
        if self.is_up() && reason == Goodbye::Revoked {
            self.effects.push(Effect::Down { reason: DownReason::Revoked });
        }
        self.presence = Presence::Ended;
        std::mem::take(&mut self.effects)
    }

    /// Whether a link is lacking and nobody is making one.
    pub(super) fn wants_dial(&self) -> bool {
        self.options.dialable
            && self.presence.wants_link()
            && self.carriers.own_pending() == 0
            && self.carriers.best_welcomed().is_none()
    }

    pub(super) fn dial_if_due(&mut self) {
        if !self.wants_dial() {
            return;
        }
        match self.dial_ms {
            None => self.dial_ms = Some(self.now_ms + self.backoff.next_ms()),
            Some(due_ms) if due_ms <= self.now_ms => self.dial(),
            Some(_) => {}
        }
    }

    pub(super) fn dial(&mut self) {
        self.dial_ms = None;
        let stage = Stage::Dialling { until_ms: self.now_ms + STEP_MS };
        let carrier = self.carriers.add(Dialler::Us, stage);
        self.effects.push(Effect::Dial { carrier });
    }

    pub(super) fn give_up_dialling(&mut self) {
        self.dial_ms = None;
        self.close_those(|stage| matches!(stage, Stage::Dialling { .. }));
    }

    /// Until when a suspicion may be disproved.
    fn gone_at(&self, suspected_ms: u64) -> u64 {
        let theirs = if self.options.dialable { 0 } else { THEIR_PROBE_MS };
        self.detector.down_at().max(suspected_ms + LEAST_PROBE_MS) + theirs
    }

    /// Asks for a sign of life over the link, and tries a fresh connection, or asks for one.
    fn probe(&mut self) {
        let dialable = self.options.dialable;
        if let Some(carrier) = self.carriers.active() {
            self.send(carrier, Frame::Probe { dial: !dialable });
        }
        if dialable && self.carriers.own_pending() < MOST_DIALS {
            self.dial();
        }
    }

    fn arrived(&mut self) -> Presence {
        match self.damping.holds_until(self.now_ms) {
            Some(until_ms) => Presence::Settling { until_ms },
            None => self.rise(),
        }
    }

    fn rise(&mut self) -> Presence {
        self.effects.push(Effect::Up);
        Presence::Up { since_ms: self.now_ms }
    }

    fn relinking(&mut self, since_ms: u64, until_ms: u64) -> Presence {
        self.forgive_if_steady(since_ms);
        Presence::Relinking { since_ms, until_ms }
    }

    fn fallen(&mut self) -> Presence {
        if let Presence::Up { since_ms } | Presence::Suspected { since_ms, .. } = self.presence {
            self.forgive_if_steady(since_ms);
        }
        self.close_those(|stage| matches!(stage, Stage::Live(_) | Stage::Parting { .. }));
        self.damping.fell(self.now_ms);
        Presence::Away
    }

    fn forgive_if_steady(&mut self, since_ms: u64) {
        if self.now_ms.saturating_sub(since_ms) >= STEADY_MS {
            self.backoff.reset();
        }
    }
}
