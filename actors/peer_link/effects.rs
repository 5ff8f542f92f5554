//! Carrying out what the machine wants: streams dialled and cut, frames sent, the alarm set, the
//! monitor told.

use ractor::ActorRef;
use refuge_mesh::{Allowance, CarrierId, DownReason, Effect, Frame, Statement};

use super::carrier::{self, Carrier};
use super::{PeerLinkMessage, PeerLinkState, reverse};
use crate::introductions;
use crate::messages::MessagesMessage;
use crate::names;
use crate::node_monitor::NodeMonitorMessage;
use crate::task::OwnedTask;

/// Statements of one peer: 20 a second, 100 at once. It says ten a second by itself.
pub(super) const STATEMENTS: Allowance = Allowance::new(20, 100);

/// Reverse paths that a peer may ask for: one a second, as often as it does itself, and some at once.
pub(super) const REVERSE_PATHS: Allowance = Allowance::new(1, 5);
/// Those that are open to one peer at once.
const MOST_REVERSE: usize = 2;

impl PeerLinkState {
    pub(super) fn carry_out(&mut self, myself: &ActorRef<PeerLinkMessage>, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Dial { carrier } => {
                    let (names, peer, myself) = (self.names.clone(), self.peer, myself.clone());
                    let dial = OwnedTask::spawn(async move {
                        let result = carrier::open(&names, peer).await;
                        let _ = myself.cast(PeerLinkMessage::Dialled { carrier, result });
                    });
                    self.dials.insert(carrier, dial);
                }
                Effect::Send { carrier, frame } => {
                    let sent = self.carriers.get(&carrier).is_none_or(|open| open.send(&frame));
                    if !sent {
                        // Its writer is stuck or gone: the machine hears it as an end.
                        tracing::debug!(peer = %self.peer, "a stream ends: it does not take what is said");
                        let _ = myself.cast(PeerLinkMessage::Closed { carrier });
                    }
                }
                Effect::Close { carrier } => {
                    if let Some(carrier) = self.forget(carrier) {
                        carrier.close();
                    }
                }
                Effect::Reverse { carrier } => {
                    let offered = reverse::offer(self.names.clone(), self.peer);
                    self.reverse = Some((carrier, vec![offered]));
                }
                Effect::OneReverse { carrier } => self.open_reverse(carrier),
                Effect::Up => self.tell_up(),
                Effect::Down { reason } => self.tell_down(reason),
            }
        }
        self.tell_link();
        self.set_alarm(myself);
    }

    /// The number of the link that there is now.
    pub(super) fn link(&self) -> Option<u64> {
        let active = self.machine.active().filter(|_| self.machine.is_up());
        active.map(|carrier| self.life.wrapping_add(carrier))
    }

    /// Tells whoever sends messages of a new link: what was under way may be lost with the one before.
    pub(super) fn tell_link(&mut self) {
        let link = self.link();
        if link == self.told_link {
            return;
        }
        self.told_link = link;
        if let Some(link) = link {
            // Whoever is being restarted asks.
            let made = MessagesMessage::LinkMade { node: self.peer, link };
            let _ = self.names.cast(names::MESSAGES, made);
        }
    }

    /// Hands on what is for others than the machine, to which only that something came matters. It is heard
    /// on the link itself alone: what came before its hello is nobody's.
    pub(super) fn pass_on(&mut self, carrier: CarrierId, frame: Frame) -> Frame {
        let (from, active) = (self.peer, self.machine.active() == Some(carrier));
        // Whoever is being restarted hears it when the peer says it again.
        match frame {
            Frame::Statement(statement) if active => self.hear(&statement),
            Frame::Message(message) if active => match self.messages.enter() {
                Some(place) => {
                    let came = MessagesMessage::Came { from, message, place };
                    let _ = self.names.cast(names::MESSAGES, came);
                }
                None => tracing::debug!(peer = %from, "too many messages wait: one is passed over"),
            },
            Frame::Receipt(receipt) if active => match self.receipts.enter() {
                Some(place) => {
                    let came = MessagesMessage::Receipt { from, receipt, place };
                    let _ = self.names.cast(names::MESSAGES, came);
                }
                None => tracing::debug!(peer = %from, "too many receipts wait: one is passed over"),
            },
            Frame::Statement(_) | Frame::Message(_) | Frame::Receipt(_) => {}
            other => return other,
        }
        Frame::Unknown
    }

    /// Opens a reverse path that the peer asks for.
    fn open_reverse(&mut self, carrier: CarrierId) {
        if !self.paths.take(crate::clock_ms()) {
            return;
        }
        self.reverse.take_if(|(one, _)| *one != carrier);
        let (_, open) = self.reverse.get_or_insert_with(|| (carrier, Vec::new()));
        open.retain(|path| !path.is_finished());
        // Of a path that broke this node may not know yet.
        if open.len() < MOST_REVERSE {
            open.push(reverse::open(self.names.clone(), self.peer));
        }
    }

    /// What is too much is not heard: the peer says it again when the link is made again.
    fn hear(&mut self, statement: &Statement) {
        let heard = self.statements.take(crate::clock_ms())
            && introductions::hand_over(&self.names, self.peer, statement);
        if !heard {
            tracing::debug!(peer = %self.peer, "a statement was passed over: there are too many");
        }
    }

    pub(super) fn tell(&self, frame: &Frame) {
        let active = self.machine.active().and_then(|carrier| self.carriers.get(&carrier));
        if active.is_some_and(|link| !link.send(frame)) {
            tracing::debug!(peer = %self.peer, "a link is too slow for what is to be said");
        }
    }

    pub(super) fn report(&self) {
        if self.machine.state(crate::clock_ms()).up {
            self.tell_up()
        } else {
            self.tell_down(DownReason::Closed)
        }
    }

    fn tell_up(&self) {
        let active = self.machine.active().and_then(|carrier| self.carriers.get(&carrier));
        let (id, address) = (self.peer, active.and_then(|carrier| carrier.address.clone()));
        // The monitor asks every link when it starts.
        let _ = self.names.cast(names::NODE_MONITOR, NodeMonitorMessage::Up { id, address });
    }

    /// Whatever a carrier had goes with it.
    pub(super) fn forget(&mut self, carrier: CarrierId) -> Option<Carrier> {
        self.dials.remove(&carrier);
        self.reverse.take_if(|(one, _)| *one == carrier);
        self.carriers.remove(&carrier)
    }

    fn tell_down(&self, reason: DownReason) {
        let id = self.peer;
        let _ = self.names.cast(names::NODE_MONITOR, NodeMonitorMessage::Down { id, reason });
    }

    /// One that rings too early is set again then: each frame that comes moves what is waited for.
    fn set_alarm(&mut self, myself: &ActorRef<PeerLinkMessage>) {
        let Some(at_ms) = self.machine.next_wake() else {
            self.alarm = None;
            return;
        };
        if self.alarm.as_ref().is_some_and(|(set_ms, _)| *set_ms <= at_ms) {
            return;
        }
        let wait = std::time::Duration::from_millis(at_ms.saturating_sub(crate::clock_ms()));
        let myself = myself.clone();
        let rings = OwnedTask::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = myself.cast(PeerLinkMessage::Elapsed);
        });
        self.alarm = Some((at_ms, rings));
    }
}
