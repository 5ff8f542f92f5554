//! Nodes that send each other messages, and the links between them. A link is a stream: what is
//! said over it comes in its order or, where it breaks, not at all.

use std::collections::VecDeque;

use refuge_mesh::{Frame, Inbox, InboxRefusal, Message, MessageId, NodeId, Outbox, Receipt, Taken};

use super::node::Node;
use crate::dice::Dice;

const NODES: usize = 1_000;
/// How far the friends of a node are from it, in numbers.
const FRIENDS: [usize; 3] = [1, 7, 131];
const BEGIN_MS: u64 = 1_800_000_000_000;
const MINUTE_MS: u64 = 60 * 1_000;
pub(super) const HOUR_MS: u64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: u64 = 24 * HOUR_MS;

#[derive(Clone, Copy)]
pub(super) struct Faults {
    /// Clocks are off by up to so many hours in either direction.
    pub(super) hours_off: u64,
    /// Between two looks so many applications send.
    pub(super) senders: u64,
    /// Each of them so many messages at once, or fewer.
    pub(super) most_at_once: u64,
    /// A message is lost alone, as where its receiver has no room for it; else its link breaks there.
    pub(super) lost_alone: bool,
}

/// A link between two nodes, whether it is there or not.
pub(super) struct Link {
    ends: [usize; 2],
    since_ms: Option<u64>,
    /// From when to when it was there.
    pub(super) lives: Vec<(u64, u64)>,
    /// What is on its way from each end.
    lines: [VecDeque<Frame>; 2],
}

/// A message that a node accepted from an application.
pub(super) struct Sent {
    pub(super) link: usize,
    pub(super) ends: (usize, usize),
    /// By the right time.
    pub(super) at_ms: u64,
    /// By how much its sender's clock is ahead of its receiver's.
    pub(super) ahead_ms: i64,
}

pub(super) struct World {
    faults: Faults,
    now_ms: u64,
    nodes: Vec<Node>,
    pub(super) links: Vec<Link>,
    parted: bool,
    quiet: bool,
    dice: Dice,
    /// All that was accepted; the place is the number within the id.
    pub(super) sent: Vec<Sent>,
    /// What was handed to applications, in order.
    pub(super) delivered: Vec<usize>,
    /// What its sender gave up.
    pub(super) given_up: usize,
    /// Messages that came again and were taken before.
    pub(super) again: usize,
    /// Messages that were refused by the clocks: as too old, and as of the future.
    pub(super) refused: (usize, usize),
}

impl World {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        let mut dice = Dice::new(seed);
        let most = faults.hours_off * HOUR_MS;
        let node = |number: usize| {
            let mut digest = [7; 32];
            digest[..8].copy_from_slice(&(number as u64).to_be_bytes());
            Node {
                id: NodeId::from_digest(digest),
                back_ms: None,
                off_ms: dice.below(2 * most + 1) as i64 - most as i64,
                outbox: Outbox::default(),
                inbox: Inbox::default(),
                waiting: Vec::new(),
                came: Vec::new(),
                links: Vec::new(),
            }
        };
        let mut nodes: Vec<Node> = (0..NODES).map(node).collect();
        let mut links = Vec::new();
        for (number, far) in (0..NODES).flat_map(|one| FRIENDS.map(|far| (one, far))) {
            let ends = [number, (number + far) % NODES];
            ends.into_iter().for_each(|end| nodes[end].links.push(links.len()));
            links.push(Link { ends, since_ms: None, lives: Vec::new(), lines: Default::default() });
        }
        Self {
            faults,
            now_ms: BEGIN_MS,
            nodes,
            links,
            parted: false,
            quiet: false,
            dice,
            sent: Vec::new(),
            delivered: Vec::new(),
            given_up: 0,
            again: 0,
            refused: (0, 0),
        }
    }

    /// Divides the network into those with even and with odd numbers.
    pub(super) fn part(&mut self, parted: bool) {
        self.parted = parted;
    }

    /// Lets time pass, in which applications send, links break and nodes stop.
    pub(super) fn pass(&mut self, span_ms: u64) {
        let until_ms = self.now_ms + span_ms;
        while self.now_ms < until_ms {
            let longest = [10_000, 2 * MINUTE_MS, HOUR_MS][self.dice.below(3) as usize];
            self.now_ms += 1_000 + self.dice.below(longest);
            if !self.quiet {
                self.churn();
                (0..self.faults.senders).for_each(|_| self.send());
            }
            (0..self.links.len()).for_each(|link| self.tend(link));
            for _ in 0..6 {
                (0..self.links.len()).for_each(|link| self.exchange(link));
            }
            for node in &mut self.nodes {
                self.given_up += node.give_up(self.now_ms);
            }
        }
    }

    /// All nodes are there from now on and nothing goes wrong any more; then the lives of all links are over.
    pub(super) fn heal(&mut self, span_ms: u64) {
        (self.quiet, self.parted) = (true, false);
        for number in 0..NODES {
            if self.nodes[number].back_ms.is_some() {
                self.nodes[number].start(self.now_ms);
            }
        }
        self.pass(span_ms);
        (0..self.links.len()).for_each(|link| self.break_off(link));
    }

    fn churn(&mut self) {
        for _ in 0..3 {
            let number = self.dice.below(NODES as u64) as usize;
            let longest = if self.dice.percent(20) { 9 * DAY_MS } else { 12 * HOUR_MS };
            let away_ms = if self.dice.percent(30) { 0 } else { self.dice.below(longest) };
            self.stop(number, away_ms);
        }
        for number in 0..NODES {
            if self.nodes[number].back_ms.is_some_and(|back_ms| back_ms <= self.now_ms) {
                self.nodes[number].start(self.now_ms);
            }
        }
    }

    fn stop(&mut self, number: usize, away_ms: u64) {
        for link in self.nodes[number].links.clone() {
            self.break_off(link);
        }
        self.nodes[number].back_ms = Some(self.now_ms + away_ms);
    }

    /// An application sends some messages to one friend of its node.
    fn send(&mut self) {
        let link = self.dice.below(self.links.len() as u64) as usize;
        let side = self.dice.below(2) as usize;
        let ends = (self.links[link].ends[side], self.links[link].ends[1 - side]);
        if self.nodes[ends.0].back_ms.is_some() {
            return;
        }
        for _ in 0..=self.dice.below(self.faults.most_at_once) {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(self.sent.len() as u64).to_be_bytes());
            let (application, body) = ("chat".to_owned(), self.sent.len().to_string());
            let message = Message { id, application, body, sent_ms: self.clock(ends.0) };
            let to = self.nodes[ends.1].id;
            if self.nodes[ends.0].post(to, message) {
                let ahead_ms = self.nodes[ends.0].off_ms - self.nodes[ends.1].off_ms;
                self.sent.push(Sent { link, ends, at_ms: self.now_ms, ahead_ms });
            }
        }
    }

    /// Breaks a link, or makes it.
    fn tend(&mut self, link: usize) {
        let ends = self.links[link].ends;
        let apart = self.parted && ends[0] % 2 != ends[1] % 2;
        let possible = !apart && ends.iter().all(|end| self.nodes[*end].back_ms.is_none());
        if !possible || (!self.quiet && self.dice.percent(2)) {
            self.break_off(link);
        }
        // Also at once in the place of the one that broke.
        if self.links[link].since_ms.is_none() && possible && self.dice.percent(50) {
            self.links[link].since_ms = Some(self.now_ms);
            for (one, other) in [(ends[0], ends[1]), (ends[1], ends[0])] {
                let id = self.nodes[other].id;
                self.nodes[one].outbox.link_made(&id);
            }
        }
    }

    fn break_off(&mut self, link: usize) {
        let link = &mut self.links[link];
        link.lines = Default::default();
        link.lives.extend(link.since_ms.take().map(|since_ms| (since_ms, self.now_ms)));
    }

    /// Each end says what it has to say; of what is on its way some arrives.
    fn exchange(&mut self, link: usize) {
        for side in 0..2 {
            if self.links[link].since_ms.is_none() {
                return;
            }
            let [from, to] = [side, 1 - side].map(|end| self.links[link].ends[end]);
            let (now_ms, id) = (self.clock(from), self.nodes[to].id);
            for message in self.nodes[from].outbox.next(now_ms, &id) {
                let times = if self.dice.percent(3) { 2 } else { 1 };
                let frame = Frame::Message(Box::new(message));
                self.links[link].lines[side].extend(std::iter::repeat_n(frame, times));
            }
            let on_its_way = self.links[link].lines[side].len();
            let all = self.quiet || on_its_way == 0 || self.dice.percent(70);
            let arriving =
                if all { on_its_way } else { self.dice.below(on_its_way as u64) as usize };
            for _ in 0..arriving {
                let Some(frame) = self.links[link].lines[side].pop_front() else { break };
                let lost = !self.quiet && self.dice.below(1_000) < 10;
                let alone = self.faults.lost_alone || matches!(frame, Frame::Receipt(_));
                match (lost, alone) {
                    (true, true) => {}
                    (true, false) => self.break_off(link),
                    (false, _) => self.arrive((link, side), (from, to), frame),
                }
            }
        }
    }

    fn arrive(&mut self, (link, side): (usize, usize), (from, to): (usize, usize), frame: Frame) {
        let (now_ms, id) = (self.clock(to), self.nodes[from].id);
        let stops = !self.quiet && self.dice.below(1_000) < 2;
        let node = &mut self.nodes[to];
        match frame {
            Frame::Message(message) => {
                match node.inbox.take(now_ms, id, &message) {
                    Ok(Taken::New) => {
                        node.came.push((now_ms, id, message.id));
                        self.delivered.push(number_of(&message.id));
                    }
                    Ok(Taken::Before) => self.again += 1,
                    Err(InboxRefusal::Old) => return self.refused.0 += 1,
                    Err(InboxRefusal::FromTheFuture) => return self.refused.1 += 1,
                    Err(InboxRefusal::Form(form)) => panic!("{form}"),
                }
                let receipt = Receipt { id: message.id, refused: None };
                self.links[link].lines[1 - side].push_back(Frame::Receipt(receipt));
            }
            Frame::Receipt(receipt) => {
                // One that stops here sends it again.
                if node.outbox.acknowledged(&id, &receipt.id) && !stops {
                    node.waiting.retain(|(to, one, _)| (*to, *one) != (id, receipt.id));
                }
            }
            other => panic!("{other:?}"),
        }
        if stops {
            self.stop(to, 0);
        }
    }

    /// What its clock shows.
    fn clock(&self, number: usize) -> u64 {
        self.nodes[number].clock(self.now_ms)
    }
}

pub(super) fn number_of(id: &MessageId) -> usize {
    let mut number = [0; 8];
    number.copy_from_slice(&id[..8]);
    u64::from_be_bytes(number) as usize
}
