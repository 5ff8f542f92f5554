//! The link to one trusted peer: carries out what the pure machine wants of sockets and of time, and
//! tells it what came. It decides nothing; who is linked to is the node monitor's decision.
//!
//! Told by: connections of that peer (streams it opened), the monitor (addresses, trust). A restart
//! loses the streams; both sides open new ones.

mod carrier;
mod effects;
mod hearing;
mod reverse;
mod window;

use std::collections::HashMap;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_mesh::{
    Allowance, CarrierId, Frame, NodeId, PeerMachine, PeerMachineOptions, PeerState,
};
use refuge_otp::Names;
use tokio::io::DuplexStream;
use tokio::sync::oneshot;

use crate::task::OwnedTask;
use crate::{mesh_listener, names, peer_dial};
use carrier::Carrier;
pub use window::Place;
use window::Window;

/// Messages of the peer that may wait to be taken: those that its outbox has under way, and again those
/// that it sends anew with a new link.
const MESSAGES_WAITING: usize = 32;
/// Its receipts that may wait to be noted; they are small.
const RECEIPTS_WAITING: usize = 64;

/// Messages of a link.
pub enum PeerLinkMessage {
    /// The peer opened a stream to us.
    Accepted {
        /// The stream.
        stream: DuplexStream,
        /// Where it comes from.
        address: Option<String>,
    },
    /// A stream that was to be opened is open, or why not.
    Dialled {
        /// Which.
        carrier: CarrierId,
        /// The stream and the address it leads to.
        result: Result<Opened, String>,
    },
    /// Bytes came.
    Received {
        /// On which stream.
        carrier: CarrierId,
        /// The frames that became whole with them.
        frames: Vec<Frame>,
        /// Free again when they are dealt with.
        place: Place,
    },
    /// A stream ended.
    Closed {
        /// Which.
        carrier: CarrierId,
    },
    /// The time that the machine asked to be woken at.
    Elapsed,
    /// The peer's addresses changed.
    Addresses,
    /// The peer is no longer trusted; the actor ends.
    Distrusted,
    /// Want to be heard and to hear this often, milliseconds: there are many links, or fewer again.
    Heartbeat(u64),
    /// Say this to the peer, if there is a link.
    Tell(Frame),
    /// Say this to the peer over this very link: of what depends on an order nothing may go ahead over a
    /// newer one.
    TellOver {
        /// Its number.
        link: u64,
        /// What to say.
        frame: Frame,
    },
    /// Say again which link there is: whoever sends messages was restarted.
    ReportLink,
    /// Say again whether the peer is up: the monitor was restarted.
    Report,
    /// What is known of the link.
    Observe(oneshot::Sender<ObservedLink>),
}

/// What is known of a link.
pub struct ObservedLink {
    /// What the machine knows.
    pub state: PeerState,
    /// Why the last stream could not be opened, where none was opened since.
    pub last_failure: Option<String>,
}

/// A stream that was opened.
pub struct Opened {
    /// Frames go over it.
    pub(crate) stream: Box<dyn refuge_client::Duplex>,
    /// The address that answered.
    pub(crate) address: String,
}

/// What a link is started with.
#[derive(Clone)]
pub struct PeerLinkArguments {
    /// The names of this node.
    pub names: Names,
    /// The peer.
    pub peer: NodeId,
    /// How often it wants to be heard and to hear at first, milliseconds.
    pub heartbeat_ms: u64,
}

/// The actor.
#[derive(Default)]
pub struct PeerLinkActor;

/// The machine and its streams.
pub struct PeerLinkState {
    names: Names,
    peer: NodeId,
    machine: PeerMachine,
    /// Of this life of the actor, so that numbers of links are never the same again.
    life: u64,
    /// The link that was last told of.
    told_link: Option<u64>,
    carriers: HashMap<CarrierId, Carrier>,
    dials: HashMap<CarrierId, OwnedTask>,
    /// When it rings, and what rings.
    alarm: Option<(u64, OwnedTask)>,
    /// The reverse paths, which are there as long as that carrier is open.
    reverse: Option<(CarrierId, Vec<OwnedTask>)>,
    messages: Window,
    receipts: Window,
    last_failure: Option<String>,
    /// What the peer may state.
    statements: Allowance,
    /// How often it may ask for a reverse path.
    paths: Allowance,
}

impl Actor for PeerLinkActor {
    type Msg = PeerLinkMessage;
    type State = PeerLinkState;
    type Arguments = PeerLinkArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let PeerLinkArguments { names, peer, heartbeat_ms } = arguments;
        let own = names
            .value::<refuge_identity::NodeIdentity>(names::NODE_IDENTITY)
            .ok_or("this node's key is not there yet")?;
        let machine = PeerMachine::new(PeerMachineOptions {
            us: own.id,
            peer,
            dialable: peer_dial::is_dialable(&names, &peer),
            heartbeat_ms,
            seed: rand::random(),
            name: crate::own_name(&names),
            listening: mesh_listener::port(&names),
        });
        Ok(PeerLinkState {
            names,
            peer,
            machine,
            life: rand::random(),
            told_link: None,
            carriers: HashMap::new(),
            dials: HashMap::new(),
            alarm: None,
            reverse: None,
            messages: Window::of(MESSAGES_WAITING),
            receipts: Window::of(RECEIPTS_WAITING),
            last_failure: None,
            statements: effects::STATEMENTS,
            paths: effects::REVERSE_PATHS,
        })
    }

    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let effects = state.machine.start(crate::clock_ms());
        state.carry_out(&myself, effects);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let now = crate::clock_ms();
        let effects = match message {
            PeerLinkMessage::Accepted { stream, address } => {
                let (carrier, effects) = state.machine.accepted(now);
                let link = (carrier, &myself);
                state.carriers.insert(carrier, Carrier::new(stream, address, link));
                effects
            }
            PeerLinkMessage::Dialled { carrier, result } => {
                state.dialled(&myself, now, carrier, result)
            }
            PeerLinkMessage::Received { carrier, frames, place: _place } => {
                state.received(now, carrier, frames)
            }
            PeerLinkMessage::Closed { carrier } => {
                state.forget(carrier);
                state.machine.closed(now, carrier)
            }
            PeerLinkMessage::Elapsed => {
                state.alarm = None;
                state.machine.elapsed(now)
            }
            PeerLinkMessage::Addresses => state.addresses_changed(now),
            PeerLinkMessage::Heartbeat(every_ms) => state.machine.set_heartbeat(now, every_ms),
            PeerLinkMessage::Distrusted => {
                let effects = state.machine.distrusted(now);
                state.carry_out(&myself, effects);
                myself.stop(None);
                return Ok(());
            }
            PeerLinkMessage::Tell(frame) => {
                state.tell(&frame);
                return Ok(());
            }
            PeerLinkMessage::TellOver { link, frame } => {
                if state.link() == Some(link) {
                    state.tell(&frame);
                }
                return Ok(());
            }
            PeerLinkMessage::ReportLink => {
                state.told_link = None;
                state.tell_link();
                return Ok(());
            }
            PeerLinkMessage::Report => {
                state.report();
                return Ok(());
            }
            PeerLinkMessage::Observe(reply) => {
                let (state, last_failure) = (state.machine.state(now), state.last_failure.clone());
                let _ = reply.send(ObservedLink { state, last_failure });
                return Ok(());
            }
        };
        state.carry_out(&myself, effects);
        Ok(())
    }

    async fn post_stop(
        &self,
        myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let effects = state.machine.stop(crate::clock_ms());
        state.carry_out(&myself, effects);
        state.alarm = None;
        Ok(())
    }
}

impl PeerLinkState {
    fn addresses_changed(&mut self, now: u64) -> Vec<refuge_mesh::Effect> {
        let dialable = peer_dial::is_dialable(&self.names, &self.peer);
        self.machine.set_dialable(now, dialable)
    }
}
