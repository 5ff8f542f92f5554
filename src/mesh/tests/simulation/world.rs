//! The world of one run: nodes with a machine for each other node, the paths between them, and a queue
//! of what happens when. Checks at every step what must never happen; what was told up and down is
//! written down for the scenes to judge.

use std::collections::{BTreeMap, BTreeSet};

use refuge_mesh::{DownReason, Effect, NodeId, PeerMachine, PeerMachineOptions};

use crate::connection::{Connection, Payload};
use crate::dice::Dice;
use crate::wire::Segment;

/// More carriers than any machine has use for at once.
const MOST_CARRIERS: usize = 16;

/// What a path is like.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    pub(crate) latency_ms: u64,
    /// Up to so much more.
    pub(crate) jitter_ms: u64,
    pub(crate) loss_percent: u64,
}

pub(crate) const CLEAN: Path = Path { latency_ms: 20, jitter_ms: 5, loss_percent: 0 };
pub(crate) const LOSSY: Path = Path { loss_percent: 10, ..CLEAN };

pub(crate) enum Event {
    Wake { node: usize, peer: usize, life: u64, at_ms: u64 },
    Attempt(Segment),
    Arrive(Segment),
    Reset { connection: usize, side: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Up,
    Down(DownReason),
}

/// What one node was told of another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) at_ms: u64,
    pub(crate) node: usize,
    pub(crate) peer: usize,
    pub(crate) news: News,
}

#[derive(Default)]
pub(crate) struct Node {
    pub(crate) machines: BTreeMap<usize, PeerMachine>,
    pub(crate) powered: bool,
    pub(crate) life: u64,
    /// Its clock shows so much more than the world's.
    offset_ms: u64,
    frozen_until_ms: u64,
    pub(crate) distrusted: BTreeSet<usize>,
}

pub(crate) struct World {
    pub(crate) now_ms: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) carriers: BTreeMap<(usize, usize, u64), (usize, usize)>,
    pub(crate) told: Vec<Told>,
    pub(crate) dice: Dice,
    path: Path,
    /// Directions that nothing gets through.
    cut: BTreeSet<(usize, usize)>,
    /// Of (node, peer): who cannot dial whom.
    undialable: BTreeSet<(usize, usize)>,
    queue: BTreeMap<(u64, u64), Event>,
    order: u64,
}

impl Node {
    pub(crate) fn is_running(&self) -> bool {
        !self.machines.is_empty()
    }

    pub(crate) fn trusts(&self, peer: usize) -> bool {
        !self.distrusted.contains(&peer)
    }
}

impl World {
    /// Nodes that are switched on and have not begun. A smaller number is a smaller id.
    pub(crate) fn new(seed: u64, nodes: usize, path: Path) -> Self {
        let mut dice = Dice::new(seed);
        let node = |_| Node { powered: true, offset_ms: dice.below(1 << 40), ..Node::default() };
        Self {
            now_ms: 0,
            nodes: (0..nodes).map(node).collect(),
            connections: Vec::new(),
            carriers: BTreeMap::new(),
            told: Vec::new(),
            dice,
            path,
            cut: BTreeSet::new(),
            undialable: BTreeSet::new(),
            queue: BTreeMap::new(),
            order: 0,
        }
    }

    /// `node` knows no address of `peer`.
    pub(crate) fn hide(&mut self, node: usize, peer: usize) {
        self.undialable.insert((node, peer));
    }

    /// A node begins a new life.
    pub(crate) fn start(&mut self, node: usize) {
        self.nodes[node].powered = true;
        self.nodes[node].life += 1;
        let id = |number: usize| NodeId::from_digest([number as u8; 32]);
        for peer in (0..self.nodes.len()).filter(|peer| *peer != node) {
            let mut machine = PeerMachine::new(PeerMachineOptions {
                us: id(node),
                peer: id(peer),
                dialable: !self.undialable.contains(&(node, peer)),
                heartbeat_ms: 1_000,
                seed: self.dice.number(),
                name: format!("node {node}"),
                listening: None,
            });
            let effects = machine.start(self.clock(node));
            self.nodes[node].machines.insert(peer, machine);
            self.carry_out(node, peer, effects);
        }
    }

    /// All begin within a moment.
    pub(crate) fn start_all(&mut self) {
        for node in 0..self.nodes.len() {
            self.start(node);
            let pause = self.dice.below(2 * self.path.latency_ms);
            self.run_for(pause);
        }
    }

    pub(crate) fn clock(&self, node: usize) -> u64 {
        self.now_ms + self.nodes[node].offset_ms
    }

    pub(crate) fn set_path(&mut self, path: Path) {
        self.path = path;
    }

    /// Nothing gets through in this direction, or again everything.
    pub(crate) fn set_cut(&mut self, from: usize, to: usize, cut: bool) {
        if cut {
            self.cut.insert((from, to));
        } else {
            self.cut.remove(&(from, to));
        }
    }

    pub(crate) fn gets_through(&mut self, from: usize, to: usize) -> bool {
        let lost = self.dice.percent(self.path.loss_percent);
        !lost && !self.cut.contains(&(from, to)) && self.nodes[to].powered
    }

    pub(crate) fn latency(&mut self) -> u64 {
        self.path.latency_ms + self.dice.below(self.path.jitter_ms + 1)
    }

    pub(crate) fn round_trip_ms(&self) -> u64 {
        2 * self.path.latency_ms
    }

    /// A node does nothing for a while: its machine is busy, or sleeps.
    pub(crate) fn freeze(&mut self, node: usize, milliseconds: u64) {
        self.nodes[node].frozen_until_ms = self.now_ms + milliseconds;
    }

    pub(crate) fn after(&mut self, milliseconds: u64, event: Event) {
        self.order += 1;
        self.queue.insert((self.now_ms + milliseconds, self.order), event);
    }

    pub(crate) fn run_for(&mut self, milliseconds: u64) {
        let until_ms = self.now_ms + milliseconds;
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until_ms {
                break;
            }
            self.now_ms = entry.key().0;
            let event = entry.remove();
            let thaw_ms = self.node_of(&event).map_or(0, |node| self.nodes[node].frozen_until_ms);
            if thaw_ms > self.now_ms {
                self.after(thaw_ms - self.now_ms, event);
            } else {
                self.happen(event);
            }
        }
        self.now_ms = until_ms;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Wake { node, peer, life, at_ms } => self.wake(node, peer, life, at_ms),
            Event::Attempt(segment) => self.attempt(segment),
            Event::Arrive(segment) => self.arrive(segment),
            Event::Reset { connection, side } => self.reset(connection, side),
        }
    }

    /// Whose process has to do something for it.
    fn node_of(&self, event: &Event) -> Option<usize> {
        let node_at =
            |connection: usize, side: usize| self.connections[connection].sides[side].node;
        match event {
            Event::Wake { node, .. } => Some(*node),
            Event::Attempt(_) => None,
            Event::Arrive(segment) => Some(node_at(segment.connection, segment.to)),
            Event::Reset { connection, side } => Some(node_at(*connection, *side)),
        }
    }

    fn wake(&mut self, node: usize, peer: usize, life: u64, at_ms: u64) {
        let now_ms = self.clock(node);
        let is_same_life = self.nodes[node].life == life;
        let Some(machine) = self.nodes[node].machines.get_mut(&peer) else { return };
        // Of all that were asked for, the one that is asked for now counts.
        if !is_same_life || machine.next_wake() != Some(at_ms) {
            return;
        }
        let effects = machine.elapsed(now_ms);
        let next = machine.next_wake();
        assert!(next.is_none_or(|next| next > now_ms), "it would be woken for ever");
        self.carry_out(node, peer, effects);
    }

    pub(crate) fn carry_out(&mut self, node: usize, peer: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Dial { carrier } => {
                    assert!(!self.undialable.contains(&(node, peer)), "it dials the undialable");
                    self.dial(node, peer, carrier);
                }
                Effect::Send { carrier, frame } => {
                    let (connection, side) = self.carriers[&(node, peer, carrier)];
                    if self.connections[connection].sides[side].open {
                        self.transmit(connection, 1 - side, Payload::Bytes(frame.encode()));
                    }
                }
                Effect::Close { carrier } => {
                    let (connection, side) = self.carriers[&(node, peer, carrier)];
                    self.close(connection, side);
                }
                Effect::Up => self.tell(node, peer, News::Up),
                Effect::Down { reason } => self.tell(node, peer, News::Down(reason)),
                Effect::Reverse { carrier } | Effect::OneReverse { carrier } => {
                    let (_, side) = self.carriers[&(node, peer, carrier)];
                    assert_eq!(
                        side,
                        crate::connection::DIALLER,
                        "it reverses what it did not dial"
                    );
                }
            }
        }
        let life = self.nodes[node].life;
        let offset_ms = self.nodes[node].offset_ms;
        let Some(machine) = self.nodes[node].machines.get(&peer) else { return };
        if let Some(at_ms) = machine.next_wake() {
            let wait = at_ms.saturating_sub(self.now_ms + offset_ms);
            let carriers = machine.state(at_ms).carriers.len();
            assert!(carriers <= MOST_CARRIERS, "{carriers} carriers");
            self.after(wait, Event::Wake { node, peer, life, at_ms });
        }
    }

    fn tell(&mut self, node: usize, peer: usize, news: News) {
        let was_up = self.is_up_by_news(node, peer);
        assert_eq!(was_up, news != News::Up, "{node} of {peer}: {news:?} twice");
        self.told.push(Told { at_ms: self.now_ms, node, peer, news });
    }

    /// As the news of this life had it.
    fn is_up_by_news(&self, node: usize, peer: usize) -> bool {
        let of_it = |told: &&Told| told.node == node && told.peer == peer;
        self.told.iter().rev().find(of_it).is_some_and(|told| told.news == News::Up)
    }
}
