//! One TCP connection between two nodes: what it has to say for itself. How segments travel is in
//! `wire`.

use std::collections::BTreeMap;

use refuge_mesh::{CarrierId, FrameReader};

/// The dialler's side and the acceptor's.
pub(crate) const DIALLER: usize = 0;
pub(crate) const ACCEPTOR: usize = 1;

/// What one segment carries.
#[derive(Clone)]
pub(crate) enum Payload {
    /// Of the connection's making: SYN, SYN and ACK, two flights of TLS, the request, the 200.
    Making(usize),
    Bytes(Vec<u8>),
    Fin,
}

/// Segments until both sides can speak.
pub(crate) const REQUEST: usize = 4;
pub(crate) const REPLY: usize = 5;

#[derive(Default)]
pub(crate) struct Side {
    pub(crate) node: usize,
    pub(crate) carrier: Option<CarrierId>,
    /// Whether the process holds it.
    pub(crate) open: bool,
    /// Whether the kernel of its machine knows of it: it may still send what the process left.
    pub(crate) known: bool,
    pub(crate) reader: FrameReader,
    /// Of what it sends.
    next_out: u64,
    /// Of what it receives: what comes before its turn waits.
    next_in: u64,
    waiting: BTreeMap<u64, Payload>,
}

pub(crate) struct Connection {
    pub(crate) sides: [Side; 2],
    /// Everything on it is lost from now on, though the path is well.
    pub(crate) lost: bool,
}

impl Connection {
    pub(crate) fn new(from: usize, to: usize, carrier: CarrierId) -> Self {
        let dialler =
            Side { node: from, carrier: Some(carrier), open: true, known: true, ..Side::default() };
        let acceptor = Side { node: to, ..Side::default() };
        Self { sides: [dialler, acceptor], lost: false }
    }

    /// The number of the next segment from this side.
    pub(crate) fn number(&mut self, side: usize) -> u64 {
        self.sides[side].next_out += 1;
        self.sides[side].next_out
    }

    /// Takes a segment that arrived and gives those whose turn it is.
    pub(crate) fn in_order(&mut self, side: usize, number: u64, payload: Payload) -> Vec<Payload> {
        let side = &mut self.sides[side];
        side.waiting.insert(number, payload);
        let mut ready = Vec::new();
        while let Some(payload) = side.waiting.remove(&(side.next_in + 1)) {
            side.next_in += 1;
            ready.push(payload);
        }
        ready
    }
}
