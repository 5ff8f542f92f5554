//! Everything that goes on between this node and ONE peer: dialling, hello and welcome, heartbeats,
//! crossing links, suspicion and probes, up and down. Here are its public face and the dispatch of
//! what comes in; each matter has its module below.
//!
//! Every input ends in `settle`, which does whatever is due by then, so that no input has to think of
//! what follows from it.

mod backoff;
mod carrier;
mod carriers;
mod damping;
mod effect;
mod linking;
mod presence;
mod pulse;
mod session;
mod state;

use crate::detector::{DetectorOptions, FailureDetector};
use crate::frame::{Frame, Goodbye, Pace};
use crate::node_id::NodeId;
use crate::random::Random;
use backoff::Backoff;
use carrier::{Dialler, Stage};
use carriers::Carriers;
use damping::Damping;
pub use effect::{CarrierId, Effect};
use presence::Presence;
use pulse::RoundTrips;
pub use pulse::heartbeat_ms;
use session::PeerSession;
pub use state::{CarrierStage, CarrierState, PeerState, Standing};

/// The time for a dial and its hello, and for every other step before a link is live: several
/// retransmissions may be among it.
const STEP_MS: u64 = 10_000;
/// Up for so long, a peer is dialled without delay when its link breaks.
const STEADY_MS: u64 = 10_000;
/// The least and the most that counts as the interval of heartbeats, ours and a peer's.
const HEARTBEATS_MS: (u64, u64) = (200, 60_000);

/// What a machine is for.
#[derive(Clone, Debug)]
pub struct PeerMachineOptions {
    /// This node.
    pub us: NodeId,
    /// The other.
    pub peer: NodeId,
    /// Whether an address is known where it can be dialled.
    pub dialable: bool,
    /// How often we want to be heard and to hear the peer, if it does not ask for less.
    pub heartbeat_ms: u64,
    /// A random number, another for every machine that is ever made.
    pub seed: u64,
    /// What this node calls itself.
    pub name: String,
    /// The port where it listens.
    pub listening: Option<u16>,
}

/// The machine of one peer. `now_ms` of every call is of one clock that never goes back, best the same
/// for all machines of a node, since they beat together then; a carrier that is not known (any more) is
/// ignored. Call [`PeerMachine::elapsed`] at [`PeerMachine::next_wake`],
/// which may be another after every call.
#[derive(Debug)]
pub struct PeerMachine {
    options: PeerMachineOptions,
    now_ms: u64,
    /// Of this life of our end.
    session: u64,
    peer: PeerSession,
    /// How often the peer promises to be heard.
    promised_ms: u64,
    /// It has no use for hearing us more often.
    asked_pace_ms: u64,
    carriers: Carriers,
    presence: Presence,
    detector: FailureDetector,
    round_trips: RoundTrips,
    backoff: Backoff,
    /// When to dial while there is no link; `None` until it is known.
    dial_ms: Option<u64>,
    /// When we last dialled because the peer could not.
    asked_ms: Option<u64>,
    damping: Damping,
    /// The carrier for which the reverse path was offered.
    reversed: Option<CarrierId>,
    /// The peer asks for reverse paths when it needs them: none is offered before.
    asks_reverse: bool,
    effects: Vec<Effect>,
}

impl PeerMachine {
    /// A machine that has not begun: no link, nothing dialled.
    #[must_use]
    pub fn new(mut options: PeerMachineOptions) -> Self {
        options.heartbeat_ms = options.heartbeat_ms.clamp(HEARTBEATS_MS.0, HEARTBEATS_MS.1);
        let mut random = Random::new(options.seed);
        let smaller = if options.us < options.peer { Dialler::Us } else { Dialler::Peer };
        let promised_ms = DetectorOptions::default().heartbeat_ms;
        Self {
            session: random.number(),
            options,
            now_ms: 0,
            peer: PeerSession::default(),
            promised_ms,
            asked_pace_ms: HEARTBEATS_MS.0,
            carriers: Carriers::new(smaller),
            presence: Presence::Away,
            detector: FailureDetector::new(DetectorOptions::default(), 0),
            round_trips: RoundTrips::default(),
            backoff: Backoff::new(random),
            dial_ms: None,
            asked_ms: None,
            damping: Damping::default(),
            reversed: None,
            asks_reverse: false,
            effects: Vec::new(),
        }
    }

    /// Begins: dials if it can.
    pub fn start(&mut self, now_ms: u64) -> Vec<Effect> {
        self.at(now_ms);
        self.dial_ms = Some(self.now_ms);
        self.settle()
    }

    /// The peer dialled us: its certificate is proved, its `POST /_mesh/link` answered with 200. Gives the
    /// carrier's number.
    pub fn accepted(&mut self, now_ms: u64) -> (CarrierId, Vec<Effect>) {
        self.at(now_ms);
        let carrier = self.accept();
        (carrier, self.settle())
    }

    /// What [`Effect::Dial`] wanted is done: the 200 is here.
    pub fn dialled(&mut self, now_ms: u64, carrier: CarrierId) -> Vec<Effect> {
        self.at(now_ms);
        self.offer(carrier);
        self.settle()
    }

    /// It could not be done.
    pub fn dial_failed(&mut self, now_ms: u64, carrier: CarrierId) -> Vec<Effect> {
        self.closed(now_ms, carrier)
    }

    /// A whole frame came.
    pub fn received(&mut self, now_ms: u64, carrier: CarrierId, frame: Frame) -> Vec<Effect> {
        self.at(now_ms);
        self.note_life(carrier);
        self.take_frame(carrier, frame);
        self.settle()
    }

    /// Bytes came, whole frames or not.
    pub fn heard(&mut self, now_ms: u64, carrier: CarrierId) -> Vec<Effect> {
        self.at(now_ms);
        self.note_life(carrier);
        self.settle()
    }

    /// The carrier is closed, by the other side, by a failure or for its bad frames.
    pub fn closed(&mut self, now_ms: u64, carrier: CarrierId) -> Vec<Effect> {
        self.at(now_ms);
        self.carriers.remove(carrier);
        self.settle()
    }

    /// Time has passed.
    pub fn elapsed(&mut self, now_ms: u64) -> Vec<Effect> {
        self.at(now_ms);
        self.settle()
    }

    /// Whether there is an address to dial now. With `true` the addresses are new: they are tried at once
    /// where there is no link.
    pub fn set_dialable(&mut self, now_ms: u64, dialable: bool) -> Vec<Effect> {
        self.at(now_ms);
        self.options.dialable = dialable;
        if dialable {
            self.backoff.reset();
            if self.presence.wants_link() && self.carriers.own_pending() < presence::MOST_DIALS {
                self.dial();
            }
        } else {
            self.give_up_dialling();
        }
        self.settle()
    }

    /// How often we want to be heard and to hear from now on: slower where there are many links.
    pub fn set_heartbeat(&mut self, now_ms: u64, heartbeat_ms: u64) -> Vec<Effect> {
        self.at(now_ms);
        // What was promised before is still kept: the next heartbeat tells of the new interval.
        self.options.heartbeat_ms = heartbeat_ms.clamp(HEARTBEATS_MS.0, HEARTBEATS_MS.1);
        self.settle()
    }

    /// The peer is trusted no more: ends for good.
    pub fn distrusted(&mut self, now_ms: u64) -> Vec<Effect> {
        self.at(now_ms);
        self.end(Goodbye::Revoked)
    }

    /// This end stops: ends for good, and tells the peer. That it is not up any more is not told here.
    pub fn stop(&mut self, now_ms: u64) -> Vec<Effect> {
        self.at(now_ms);
        self.end(Goodbye::Stopping)
    }

    /// When [`PeerMachine::elapsed`] is to be called next; none if there is nothing to wait for.
    #[must_use]
    pub fn next_wake(&self) -> Option<u64> {
        let dial = self.dial_ms.filter(|_| self.wants_dial());
        [self.carriers.next_deadline(), self.presence_wake(), dial].into_iter().flatten().min()
    }

    /// Whether the peer was told to be up.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.presence.is_up()
    }

    /// The carrier that carries the link.
    #[must_use]
    pub fn active(&self) -> Option<CarrierId> {
        self.carriers.active()
    }

    fn at(&mut self, now_ms: u64) {
        self.now_ms = self.now_ms.max(now_ms);
    }

    /// Does what is due by now.
    fn settle(&mut self) -> Vec<Effect> {
        if !matches!(self.presence, Presence::Ended) {
            self.expire();
            self.review();
            self.dial_if_due();
            self.beat();
            self.offer_reverse();
        }
        std::mem::take(&mut self.effects)
    }

    fn send(&mut self, carrier: CarrierId, frame: Frame) {
        self.effects.push(Effect::Send { carrier, frame });
    }

    /// Closes and forgets a carrier.
    fn close(&mut self, carrier: CarrierId) {
        if self.carriers.remove(carrier).is_some() {
            self.effects.push(Effect::Close { carrier });
        }
    }

    fn close_those(&mut self, is_meant: impl Fn(&Stage) -> bool) {
        for carrier in self.carriers.those(is_meant) {
            self.close(carrier);
        }
    }

    /// Bytes of a link that is live, or was until now, prove the peer alive.
    fn note_life(&mut self, carrier: CarrierId) {
        if let Some(Stage::Live(_) | Stage::Parting { .. }) = self.carriers.stage(carrier) {
            self.detector.heard(self.now_ms);
        }
    }

    fn expire(&mut self) {
        let now_ms = self.now_ms;
        self.close_those(|stage| stage.until_ms().is_some_and(|until_ms| until_ms <= now_ms));
    }

    /// Says a heartbeat on every live carrier where one is due.
    fn beat(&mut self) {
        let (now_ms, pace) = (self.now_ms, self.pace());
        for carrier in self.carriers.those(|stage| matches!(stage, Stage::Live(_))) {
            let Some(Stage::Live(live)) = self.carriers.stage_mut(carrier) else { continue };
            live.pulse.hasten(now_ms, pace);
            if live.pulse.due_ms() <= now_ms {
                let heartbeat = live.pulse.beat(now_ms, pace);
                self.send(carrier, heartbeat);
            }
        }
    }

    /// Of two that want to beat differently the slower one's pace holds for both: the one with many links
    /// is to hear as little as it says.
    fn pace(&self) -> Pace {
        let asks_ms = self.options.heartbeat_ms;
        Pace { every_ms: asks_ms.max(self.asked_pace_ms), asks_ms }
    }

    fn offer_reverse(&mut self) {
        let ours = self.own_link();
        if self.reversed == ours {
            return;
        }
        self.reversed = ours;
        if let Some(carrier) = ours.filter(|_| !self.asks_reverse) {
            self.effects.push(Effect::Reverse { carrier });
        }
    }

    /// The peer asks for a reverse path.
    fn open_reverse(&mut self, carrier: CarrierId) {
        if self.asks_reverse && self.own_link() == Some(carrier) {
            self.effects.push(Effect::OneReverse { carrier });
        }
    }

    /// The carrier that carries the link, if we dialled it.
    fn own_link(&self) -> Option<CarrierId> {
        let active = self.carriers.active().filter(|_| self.is_up());
        active.filter(|carrier| self.carriers.dialler(*carrier) == Some(Dialler::Us))
    }
}

#[cfg(test)]
mod tests;
