//! What a machine knows, for the console and the tests.

use serde::Serialize;

use super::PeerMachine;
use super::carrier::{Dialler, Stage};
use super::effect::CarrierId;
use super::presence::Presence;

/// How a peer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// There is no link.
    Away,
    /// A link works, but the peer came and went so often that it has to prove itself.
    Settling,
    /// Up.
    Up,
    /// Up, but silent: probed over a fresh connection.
    Suspected,
    /// Up as far as others know; the link just broke and another is being made.
    Relinking,
    /// The machine has ended.
    Ended,
}

/// How far a carrier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CarrierStage {
    /// We dial.
    Dialling,
    /// Ours: the hello is sent.
    Offered,
    /// Theirs: the hello has not come.
    Accepted,
    /// Theirs: welcomed, and nothing heard since.
    Welcomed,
    /// Works.
    Live,
    /// Said goodbye; waits for the other side to close.
    Parting,
}

/// A carrier, to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CarrierState {
    /// Its number.
    pub carrier: CarrierId,
    /// Whether we dialled it.
    pub ours: bool,
    /// How far it is.
    pub stage: CarrierStage,
}

/// What a machine knows, to be shown. Times are of the machine's clock.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PeerState {
    /// How the peer stands.
    pub standing: Standing,
    /// Whether it was told to be up.
    pub up: bool,
    /// The carrier that carries the link.
    pub active: Option<CarrierId>,
    /// All carriers.
    pub carriers: Vec<CarrierState>,
    /// How improbable the silence is, as a power of ten.
    pub phi: f64,
    /// The share of segments lost, as the detector estimates it.
    pub loss: f64,
    /// A way there and back, once it is known.
    pub round_trip_ms: Option<u64>,
    /// When it was last heard.
    pub heard_ms: Option<u64>,
    /// Dials that failed of late.
    pub failed_dials: u32,
    /// When the next dial is due.
    pub dial_ms: Option<u64>,
}

impl PeerMachine {
    /// What it knows now.
    #[must_use]
    pub fn state(&self, now_ms: u64) -> PeerState {
        let active = self.active();
        let shown = |(carrier, by, stage): (CarrierId, Dialler, &Stage)| CarrierState {
            carrier,
            ours: by == Dialler::Us,
            stage: stage_shown(stage),
        };
        PeerState {
            standing: standing(&self.presence),
            up: self.is_up(),
            active,
            carriers: self.carriers.iter().map(shown).collect(),
            phi: active.map_or(0.0, |_| self.detector.phi(now_ms)),
            loss: self.detector.loss(),
            round_trip_ms: self.round_trips.shortest_ms(),
            heard_ms: active.map(|_| self.detector.heard_at()),
            failed_dials: self.backoff.failures(),
            dial_ms: self.dial_ms.filter(|_| self.wants_dial()),
        }
    }
}

const fn standing(presence: &Presence) -> Standing {
    match presence {
        Presence::Away => Standing::Away,
        Presence::Settling { .. } => Standing::Settling,
        Presence::Up { .. } => Standing::Up,
        Presence::Suspected { .. } => Standing::Suspected,
        Presence::Relinking { .. } => Standing::Relinking,
        Presence::Ended => Standing::Ended,
    }
}

const fn stage_shown(stage: &Stage) -> CarrierStage {
    match stage {
        Stage::Dialling { .. } => CarrierStage::Dialling,
        Stage::Offered { .. } => CarrierStage::Offered,
        Stage::Accepted { .. } => CarrierStage::Accepted,
        Stage::Welcomed { .. } => CarrierStage::Welcomed,
        Stage::Live(_) => CarrierStage::Live,
        Stage::Parting { .. } => CarrierStage::Parting,
    }
}
