//! From a fresh connection to a live link: offers, hellos, welcomes, goodbyes, and what becomes of the
//! other carriers.

use super::carrier::{Dialler, Live, Offer, Stage};
use super::effect::CarrierId;
use super::presence::Presence;
use super::pulse::Pulse;
use super::session::Life;
use super::{HEARTBEATS_MS, PeerMachine, STEP_MS};
use crate::detector::{DetectorOptions, FailureDetector};
use crate::event::DownReason;
use crate::frame::{Echo, Frame, Goodbye, Hello, NEWEST_VERSION, Pace, Welcome};

/// Carriers of the peer that are no links yet: it has no use for more.
const MOST_ACCEPTED: usize = 8;
/// The other side's time to close after our goodbye.
const PARTING_MS: u64 = 5_000;
/// Carriers that wait for it.
const MOST_PARTING: usize = 8;
/// Between two dials because the peer asked.
const ASKED_PAUSE_MS: u64 = 1_000;

impl PeerMachine {
    pub(super) fn accept(&mut self) -> CarrierId {
        let is_pending =
            |stage: &Stage| matches!(stage, Stage::Accepted { .. } | Stage::Welcomed { .. });
        self.make_room(is_pending, MOST_ACCEPTED);
        let until_ms = self.now_ms + STEP_MS;
        let carrier = self.carriers.add(Dialler::Peer, Stage::Accepted { until_ms });
        if matches!(self.presence, Presence::Ended) {
            self.close(carrier);
        }
        carrier
    }

    /// A dial got through: says hello.
    pub(super) fn offer(&mut self, carrier: CarrierId) {
        let (session, seen) = (self.session, self.peer.seen());
        let until_ms = self.now_ms + STEP_MS;
        let Some(stage @ Stage::Dialling { .. }) = self.carriers.stage_mut(carrier) else { return };
        let offer = Offer { by: Dialler::Us, session, dial: carrier, seen };
        *stage = Stage::Offered { offer, until_ms };
        let hello = Hello {
            node: self.options.us,
            version_max: NEWEST_VERSION,
            name: self.options.name.clone(),
            listening: self.options.listening,
            session,
            dial: carrier,
            seen,
            heartbeat_ms: self.options.heartbeat_ms,
        };
        self.send(carrier, Frame::Hello(hello));
    }

    pub(super) fn take_frame(&mut self, carrier: CarrierId, frame: Frame) {
        let Some(stage) = self.carriers.stage(carrier) else { return };
        match (stage, frame) {
            (Stage::Dialling { .. }, _)
            | (_, Frame::Unknown | Frame::Statement(_) | Frame::Message(_) | Frame::Receipt(_)) => {
                self.confirm(carrier)
            }
            (_, Frame::Goodbye(reason)) => self.take_goodbye(carrier, reason),
            (Stage::Accepted { .. }, Frame::Hello(hello)) => self.take_hello(carrier, &hello),
            (Stage::Offered { .. }, Frame::Welcome(welcome)) => {
                self.take_welcome(carrier, &welcome)
            }
            (Stage::Accepted { .. } | Stage::Offered { .. }, _) => self.close(carrier),
            (Stage::Parting { .. }, _) => {}
            (_, Frame::Heartbeat { number, pace, echo }) => {
                self.confirm(carrier);
                self.take_heartbeat(carrier, number, echo);
                self.take_pace(pace);
            }
            (_, Frame::Probe { dial }) => {
                self.confirm(carrier);
                self.take_probe(carrier, dial);
            }
            (_, Frame::Reverse) => {
                self.confirm(carrier);
                self.open_reverse(carrier);
            }
            (_, Frame::Hello(_) | Frame::Welcome(_)) => self.confirm(carrier),
        }
    }

    fn take_hello(&mut self, carrier: CarrierId, hello: &Hello) {
        if hello.node != self.options.peer || hello.version_max == 0 {
            self.send(carrier, Frame::Goodbye(Goodbye::Refused));
            return self.close(carrier);
        }
        if !self.learn_session(hello.session) {
            return self.close(carrier);
        }
        self.peer.saw(hello.dial);
        let offer =
            Offer { by: Dialler::Peer, session: hello.session, dial: hello.dial, seen: hello.seen };
        let active = self.carriers.active();
        if active.is_some_and(|active| !self.carriers.supersedes(&offer, active)) {
            return self.part(carrier);
        }
        // Of a link that works its heartbeats tell, and its promise was made to them.
        if active.is_none() {
            self.take_pace(first_pace(hello.heartbeat_ms));
        }
        if let Some(stage) = self.carriers.stage_mut(carrier) {
            *stage = Stage::Welcomed { offer, until_ms: self.now_ms + STEP_MS };
        }
        // Of our dials that said nothing yet nobody knows.
        self.give_up_dialling();
        let welcome = Welcome {
            version: NEWEST_VERSION.min(hello.version_max),
            name: self.options.name.clone(),
            session: self.session,
            heartbeat_ms: self.options.heartbeat_ms,
            asks_reverse: true,
        };
        self.send(carrier, Frame::Welcome(welcome));
    }

    fn take_welcome(&mut self, carrier: CarrierId, welcome: &Welcome) {
        let is_spoken = (1..=NEWEST_VERSION).contains(&welcome.version);
        if !is_spoken || !self.learn_session(welcome.session) {
            return self.close(carrier);
        }
        self.take_pace(first_pace(welcome.heartbeat_ms));
        self.asks_reverse = welcome.asks_reverse;
        self.bring_to_life(carrier);
    }

    /// The peer has our welcome: it sent more than its hello.
    fn confirm(&mut self, carrier: CarrierId) {
        if let Some(Stage::Welcomed { .. }) = self.carriers.stage(carrier) {
            self.bring_to_life(carrier);
        }
    }

    /// Both sides know that the carrier works. The heartbeat that follows at once tells the acceptor so.
    fn bring_to_life(&mut self, carrier: CarrierId) {
        let now_ms = self.now_ms;
        let Some(stage) = self.carriers.stage_mut(carrier) else { return };
        let Some(offer) = stage.offer().copied() else { return };
        *stage = Stage::Live(Live { offer, pulse: Pulse::new(now_ms) });
        if matches!(self.presence, Presence::Away) {
            let options =
                DetectorOptions { heartbeat_ms: self.promised_ms, ..DetectorOptions::default() };
            self.detector = FailureDetector::new(options, now_ms);
            self.take_round_trip(None);
        } else {
            self.detector.heard(now_ms);
        }
        self.backoff.linked();
        self.give_up_dialling();
        self.drop_superseded();
    }

    /// Of live carriers one stays; offers of ours that could only be refused end.
    fn drop_superseded(&mut self) {
        let Some(active) = self.carriers.active() else { return };
        for carrier in self.carriers.those(|stage| matches!(stage, Stage::Live(_))) {
            if carrier != active {
                self.part(carrier);
            }
        }
        let Some(offer) = self.carriers.stage(active).and_then(Stage::offer).copied() else {
            return;
        };
        for carrier in self.carriers.those(|stage| matches!(stage, Stage::Offered { .. })) {
            // A later one of ours was to do what this one did.
            if offer.by == Dialler::Us || self.carriers.supersedes(&offer, carrier) {
                self.close(carrier);
            }
        }
    }

    /// Says goodbye because of another link, and waits for the other side to close.
    fn part(&mut self, carrier: CarrierId) {
        self.make_room(|stage| matches!(stage, Stage::Parting { .. }), MOST_PARTING);
        self.send(carrier, Frame::Goodbye(Goodbye::Superseded));
        if let Some(stage) = self.carriers.stage_mut(carrier) {
            *stage = Stage::Parting { until_ms: self.now_ms + PARTING_MS };
        }
    }

    /// Closes the oldest of those where there are as many as there may be.
    fn make_room(&mut self, is_meant: impl Fn(&Stage) -> bool, most: usize) {
        let those = self.carriers.those(is_meant);
        if let Some(oldest) = those.first().filter(|_| those.len() >= most) {
            self.close(*oldest);
        }
    }

    fn take_goodbye(&mut self, carrier: CarrierId, reason: Goodbye) {
        let was_live = matches!(self.carriers.stage(carrier), Some(Stage::Live(_)));
        self.close(carrier);
        if self.carriers.active().is_some() {
            return;
        }
        if reason == Goodbye::Superseded {
            // The peer knows another to be live: it has our welcome, though its heartbeat is not here yet.
            if let Some(other) = self.carriers.best_welcomed() {
                self.bring_to_life(other);
            }
        } else if was_live {
            self.presence = self.fall(DownReason::Closed);
        }
    }

    fn take_heartbeat(&mut self, carrier: CarrierId, number: u64, echo: Option<Echo>) {
        let now_ms = self.now_ms;
        if let Some(Stage::Live(live)) = self.carriers.stage_mut(carrier) {
            let round_trip = live.pulse.took(now_ms, number, echo);
            self.take_round_trip(round_trip);
        }
    }

    fn take_round_trip(&mut self, round_trip_ms: Option<u64>) {
        if let Some(round_trip_ms) = round_trip_ms {
            self.round_trips.add(round_trip_ms);
        }
        if let Some(shortest_ms) = self.round_trips.shortest_ms() {
            self.detector.round_trip(shortest_ms);
        }
    }

    fn take_pace(&mut self, pace: Pace) {
        let (least, most) = HEARTBEATS_MS;
        self.promised_ms = pace.every_ms.clamp(least, most);
        // What we promised before is still kept: our next heartbeat tells of another interval.
        self.asked_pace_ms = pace.asks_ms.clamp(least, most);
        self.detector.promised(self.promised_ms);
    }

    /// Answers at once, and tries a fresh connection where the peer cannot.
    fn take_probe(&mut self, carrier: CarrierId, dial: bool) {
        let (now_ms, pace) = (self.now_ms, self.pace());
        if let Some(Stage::Live(live)) = self.carriers.stage_mut(carrier) {
            let heartbeat = live.pulse.beat(now_ms, pace);
            self.send(carrier, heartbeat);
        }
        let rested = self.asked_ms.is_none_or(|asked_ms| now_ms >= asked_ms + ASKED_PAUSE_MS);
        if dial && rested && self.options.dialable && self.carriers.own_pending() == 0 {
            self.asked_ms = Some(now_ms);
            self.dial();
        }
    }

    /// Whether what comes from this life of the peer counts. A new life ends what was of the former.
    fn learn_session(&mut self, session: u64) -> bool {
        match self.peer.life(session) {
            Life::Present => true,
            Life::Past => false,
            Life::New => {
                self.peer.begin(session);
                self.close_those(|stage| matches!(stage, Stage::Welcomed { .. }));
                if self.presence.is_up() || matches!(self.presence, Presence::Settling { .. }) {
                    self.presence = self.fall(DownReason::Closed);
                }
                true
            }
        }
    }
}

/// What a hello or a welcome says of it: what its sender asks for.
const fn first_pace(heartbeat_ms: u64) -> Pace {
    Pace { every_ms: heartbeat_ms, asks_ms: heartbeat_ms }
}
