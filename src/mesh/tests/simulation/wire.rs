//! How segments travel: each is lost by chance or because nothing gets through, is sent again after
//! 200 ms, then after twice as long and so on, and is delivered in order.

use refuge_mesh::Effect;

use crate::connection::{ACCEPTOR, Connection, DIALLER, Payload, REPLY, REQUEST};
use crate::world::{Event, World};

/// The pause before a segment is sent again, where the way is not long; it doubles.
const RETRANSMISSION_MS: u64 = 200;
/// The same of the first segment of a connection, when nothing is known of the way yet (RFC 6298).
const FIRST_RETRANSMISSION_MS: u64 = 1_000;
/// After so many the kernel gives the connection up: a quarter of an hour.
const MOST_ATTEMPTS: u32 = 12;

/// A segment on its way.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) connection: usize,
    /// The side that it goes to.
    pub(crate) to: usize,
    pub(crate) number: u64,
    pub(crate) attempt: u32,
    pub(crate) payload: Payload,
}

impl World {
    pub(crate) fn dial(&mut self, node: usize, peer: usize, carrier: u64) {
        let connection = self.connections.len();
        self.connections.push(Connection::new(node, peer, carrier));
        self.carriers.insert((node, peer, carrier), (connection, DIALLER));
        self.transmit(connection, ACCEPTOR, Payload::Making(0));
    }

    pub(crate) fn transmit(&mut self, connection: usize, to: usize, payload: Payload) {
        let number = self.connections[connection].number(1 - to);
        self.attempt(Segment { connection, to, number, attempt: 0, payload });
    }

    /// One attempt to get a segment across.
    pub(crate) fn attempt(&mut self, mut segment: Segment) {
        let Connection { sides, lost, .. } = &self.connections[segment.connection];
        let [sender, receiver] = [&sides[1 - segment.to], &sides[segment.to]];
        if !sender.known {
            return;
        }
        if segment.attempt > MOST_ATTEMPTS {
            return self.reset(segment.connection, 1 - segment.to);
        }
        let (from, to, lost) = (sender.node, receiver.node, *lost);
        if lost || !self.gets_through(from, to) {
            let first = matches!(segment.payload, Payload::Making(0));
            let known = RETRANSMISSION_MS.max(self.round_trip_ms() + RETRANSMISSION_MS / 2);
            let pause = if first { FIRST_RETRANSMISSION_MS } else { known } << segment.attempt;
            segment.attempt += 1;
            return self.after(pause, Event::Attempt(segment));
        }
        let latency = self.latency();
        self.after(latency, Event::Arrive(segment));
    }

    /// A segment arrived at a machine that is switched on.
    pub(crate) fn arrive(&mut self, segment: Segment) {
        let Segment { connection, to, number, payload, .. } = segment;
        let side = &self.connections[connection].sides[to];
        let node = side.node;
        if !self.nodes[node].powered {
            return;
        }
        let is_first = matches!(payload, Payload::Making(0));
        // What belongs to nothing is answered with a reset.
        if is_first && self.nodes[node].is_running() {
            self.connections[connection].sides[to].known = true;
        } else if !side.known || (!side.open && matches!(payload, Payload::Bytes(_))) {
            let latency = self.latency();
            return self.after(latency, Event::Reset { connection, side: 1 - to });
        }
        for payload in self.connections[connection].in_order(to, number, payload) {
            self.deliver(connection, to, payload);
        }
    }

    fn deliver(&mut self, connection: usize, to: usize, payload: Payload) {
        match payload {
            Payload::Making(REPLY) => {
                self.call_machine(connection, to, |machine, now_ms, carrier| {
                    machine.dialled(now_ms, carrier)
                })
            }
            Payload::Making(REQUEST) => self.accept(connection),
            Payload::Making(step) => {
                if self.connections[connection].sides[DIALLER].known {
                    self.transmit(connection, 1 - to, Payload::Making(step + 1));
                }
            }
            Payload::Bytes(bytes) => self.deliver_bytes(connection, to, &bytes),
            Payload::Fin => self.reset(connection, to),
        }
    }

    fn accept(&mut self, connection: usize) {
        let [from, to] =
            [DIALLER, ACCEPTOR].map(|side| self.connections[connection].sides[side].node);
        if !self.nodes[to].is_running() || !self.nodes[to].trusts(from) {
            // A status that is not 200: the dialler closes.
            self.connections[connection].sides[ACCEPTOR].known = false;
            let latency = self.latency();
            return self.after(latency, Event::Reset { connection, side: DIALLER });
        }
        let now_ms = self.clock(to);
        let Some(machine) = self.nodes[to].machines.get_mut(&from) else { return };
        let (carrier, effects) = machine.accepted(now_ms);
        let side = &mut self.connections[connection].sides[ACCEPTOR];
        (side.carrier, side.open) = (Some(carrier), true);
        self.carriers.insert((to, from, carrier), (connection, ACCEPTOR));
        self.transmit(connection, DIALLER, Payload::Making(REPLY));
        self.carry_out(to, from, effects);
    }

    fn deliver_bytes(&mut self, connection: usize, to: usize, bytes: &[u8]) {
        self.connections[connection].sides[to].reader.push(bytes);
        self.call_machine(connection, to, |machine, now_ms, carrier| {
            machine.heard(now_ms, carrier)
        });
        while let Some(frame) =
            self.connections[connection].sides[to].reader.next().expect("machines send good frames")
        {
            self.call_machine(connection, to, |machine, now_ms, carrier| {
                machine.received(now_ms, carrier, frame.clone())
            });
        }
    }

    /// The connection is over for this side: a FIN, a reset, or its kernel gave it up.
    pub(crate) fn reset(&mut self, connection: usize, side: usize) {
        self.call_machine(connection, side, |machine, now_ms, carrier| {
            machine.closed(now_ms, carrier)
        });
        let side = &mut self.connections[connection].sides[side];
        (side.open, side.known) = (false, false);
    }

    /// The machine closes a carrier: what was sent on it still goes out, then a FIN. A dial that is given
    /// up is gone at once.
    pub(crate) fn close(&mut self, connection: usize, side: usize) {
        let [closing, other] =
            [side, 1 - side].map(|side| &self.connections[connection].sides[side]);
        if !closing.open {
            return;
        }
        let is_made = side == ACCEPTOR || other.open;
        let closing = &mut self.connections[connection].sides[side];
        (closing.open, closing.known) = (false, is_made);
        if is_made {
            self.transmit(connection, 1 - side, Payload::Fin);
        }
    }

    /// Calls the machine of a side that is open, and does what it wants.
    fn call_machine(
        &mut self,
        connection: usize,
        side: usize,
        call: impl FnOnce(&mut refuge_mesh::PeerMachine, u64, u64) -> Vec<Effect>,
    ) {
        let peer = self.connections[connection].sides[1 - side].node;
        let side = &self.connections[connection].sides[side];
        let (node, Some(carrier), true) = (side.node, side.carrier, side.open) else { return };
        let now_ms = self.clock(node);
        let Some(machine) = self.nodes[node].machines.get_mut(&peer) else { return };
        let effects = call(machine, now_ms, carrier);
        self.carry_out(node, peer, effects);
    }
}
