//! Introducers, those to whom they vouch for others, and the network between them: words that are lost, mixed up
//! and replayed, and nodes that come and go.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use refuge_mesh::{
    Claims, IntroductionPolicy, NodeId, PeerRecord, Peers, Rejections, Statement, StatementContent,
    StatementKind, Trust, next_serial,
};

use super::node::{Event, Node};

use crate::dice::Dice;

pub(super) const NODES: usize = 1_000;
/// The first so many vouch for others.
const INTRODUCERS: u64 = 40;
const GROUPS: [&str; 4] = ["family", "work", "chess", "admins"];
/// More accept than not: of what is only asked nothing comes.
const POLICIES: [IntroductionPolicy; 4] = [
    IntroductionPolicy::Accept,
    IntroductionPolicy::Accept,
    IntroductionPolicy::Ask,
    IntroductionPolicy::Off,
];
const BEGIN_MS: u64 = 1_800_000_000_000;
const HOUR_MS: u64 = 60 * 60 * 1_000;
pub(super) const DAY_MS: u64 = 24 * HOUR_MS;

pub(super) struct World {
    now_ms: u64,
    pub(super) nodes: Vec<Node>,
    /// All words by teller, listener and subject, the last behind.
    pub(super) words: BTreeMap<(usize, usize, usize), Vec<Rc<Statement>>>,
    parted: bool,
    quiet: bool,
    dice: Dice,
}

impl World {
    pub(super) fn new(seed: u64, hours_off: u64) -> Self {
        let (nodes, words) = (Vec::new(), BTreeMap::new());
        let dice = Dice::new(seed);
        let mut world = Self { now_ms: BEGIN_MS, nodes, words, parted: false, quiet: false, dice };
        for number in 0..NODES {
            let node = world.node(number, hours_off * HOUR_MS);
            world.nodes.push(node);
        }
        world
    }

    fn node(&mut self, number: usize, most_off_ms: u64) -> Node {
        let mut tellers = vec![(number + NODES / 2) % NODES];
        while tellers.len() < 4 {
            let one = self.dice.below(INTRODUCERS) as usize;
            if one != number && !tellers.contains(&one) {
                tellers.push(one);
            }
        }
        let subjects = (0..6).map(|_| self.dice.below(NODES as u64) as usize);
        let subjects = subjects.filter(|one| !tellers.contains(one)).collect();
        let mut introducers =
            vec![PeerRecord { trust: Trust::Trusted, ..PeerRecord::new(id(tellers[0])) }];
        for teller in &tellers[1..] {
            introducers.push(PeerRecord {
                trust: Trust::Trusted,
                introducer: true,
                may_confer: self.some_groups(),
                introductions: POLICIES[self.dice.below(4) as usize],
                ..PeerRecord::new(id(*teller))
            });
        }
        Node {
            id: id(number),
            up: true,
            off_ms: self.dice.below(2 * most_off_ms + 1) as i64 - most_off_ms as i64,
            records: introducers.iter().map(|one| (one.id, one.clone())).collect(),
            peers: Peers::new(introducers.iter().cloned()),
            heard: HashMap::new(),
            rejections: Rejections::default(),
            tellers,
            subjects,
            introducers,
            history: Vec::new(),
        }
    }

    fn some_groups(&mut self) -> Vec<String> {
        let some = GROUPS.into_iter().filter(|_| self.dice.percent(50));
        some.map(str::to_owned).collect()
    }

    /// Divides the network into those with even and with odd numbers.
    pub(super) fn part(&mut self, parted: bool) {
        self.parted = parted;
    }

    pub(super) fn pass(&mut self, span_ms: u64) {
        let until_ms = self.now_ms + span_ms;
        while self.now_ms < until_ms {
            self.now_ms += HOUR_MS + self.dice.below(10 * HOUR_MS);
            if !self.quiet {
                self.churn();
                (0..400).for_each(|_| self.vouch());
                (0..300).for_each(|_| self.replay());
                (0..12).for_each(|_| self.decide());
            }
            for number in 0..NODES {
                self.nodes[number].end_words(self.now_ms);
            }
            for number in 0..NODES {
                self.listen(number);
            }
        }
    }

    /// All are there from now on, nobody says anything new, and all that was said last is heard.
    pub(super) fn heal(&mut self) {
        (self.quiet, self.parted) = (true, false);
        self.nodes.iter_mut().for_each(|node| node.up = true);
        self.pass(6 * DAY_MS);
    }

    fn churn(&mut self) {
        for number in 0..NODES {
            let node = &mut self.nodes[number];
            if !self.dice.percent(if node.up { 5 } else { 20 }) {
                continue;
            }
            node.up = !node.up;
            for record in node.records.values_mut() {
                let stored = PeerRecord::parse(&record.id.to_string(), &record.to_body()).unwrap();
                assert_eq!(*record, stored, "a restart changes nothing");
            }
        }
    }

    /// Somebody says of somebody to somebody that it may be trusted: an introducer, a friend that is none, or one
    /// that is itself trusted on another's word.
    fn vouch(&mut self) {
        let listener = self.dice.below(NODES as u64) as usize;
        let node = &self.nodes[listener];
        let all = [&node.tellers[..], &node.tellers[1..], &node.tellers[1..], &node.subjects[..2]];
        let all: Vec<usize> = all.concat();
        let subjects = node.subjects.clone();
        let teller = all[self.dice.below(all.len() as u64) as usize];
        let subject = subjects[self.dice.below(subjects.len() as u64) as usize];
        if !self.nodes[teller].up || teller == subject {
            return;
        }
        let (now_ms, groups) = (self.clock(teller), self.some_groups());
        let days = 1 + self.dice.below(20);
        let words = self.words.entry((teller, listener, subject)).or_default();
        let claims = Claims {
            issuer: id(teller),
            subject: id(subject),
            audience: Some(id(listener)),
            serial: next_serial(words.last().map(|last| last.claims().serial), now_ms),
            issued_ms: now_ms,
            expires_ms: now_ms + days * DAY_MS,
            content: StatementContent::Introduction {
                name: format!("node {subject}"),
                groups,
                addresses: vec![format!("node{subject}.example:6984")],
            },
        };
        let kind = StatementKind::Introduction;
        let signed = Statement::signed(claims.to_payload(), kind, vec![1], None).unwrap();
        words.push(Rc::new(Statement::from_json(&signed.to_json()).unwrap()));
    }

    /// Somebody brings an old statement to whom it is meant for, or to another.
    fn replay(&mut self) {
        let place = self.dice.below(self.words.len() as u64) as usize;
        let Some(((_, listener, _), words)) = self.words.iter().nth(place) else { return };
        let word = words[self.dice.below(words.len() as u64) as usize].clone();
        let other = self.dice.below(NODES as u64) as usize;
        let listener = if self.dice.percent(10) { other } else { *listener };
        if self.nodes[listener].up {
            self.nodes[listener].hear(self.now_ms, &word);
        }
    }

    fn decide(&mut self) {
        let number = self.dice.below(NODES as u64) as usize;
        let node = &self.nodes[number];
        if !node.up {
            return;
        }
        let introducer = id(node.tellers[1 + self.dice.below(3) as usize]);
        let subject = id(node.subjects[self.dice.below(node.subjects.len() as u64) as usize]);
        let event = match self.dice.below(5) {
            0 => Event::Distrust(introducer),
            1 => Event::Trust(introducer),
            2 => Event::Block(subject),
            3 => Event::Reject(subject),
            _ => Event::Confirm(subject),
        };
        self.nodes[number].decide(self.now_ms, event);
    }

    /// Links to those that tell it something are made now and then; each tells all its last words then.
    fn listen(&mut self, number: usize) {
        let node = &self.nodes[number];
        let tellers = [&node.tellers[..], &node.subjects[..2]].concat();
        for teller in tellers {
            let apart = self.parted && teller % 2 != number % 2;
            let both = self.nodes[teller].up && self.nodes[number].up;
            if apart || !both || !self.dice.percent(if self.quiet { 60 } else { 15 }) {
                continue;
            }
            let all = self.words.range((teller, number, 0)..(teller, number + 1, 0));
            let mut told: Vec<Rc<Statement>> = Vec::new();
            for last in all.filter_map(|(_, words)| words.last()) {
                let times = if self.dice.percent(20) { 0 } else { 1 + self.dice.below(2) };
                for _ in 0..times {
                    let place = self.dice.below(told.len() as u64 + 1) as usize;
                    told.insert(place, last.clone());
                }
            }
            told.iter().for_each(|word| self.nodes[number].hear(self.now_ms, word));
        }
    }

    /// What its clock shows.
    pub(super) fn clock(&self, number: usize) -> u64 {
        self.nodes[number].clock(self.now_ms)
    }
}

pub(super) fn id(number: usize) -> NodeId {
    let mut digest = [7; 32];
    digest[..8].copy_from_slice(&(number as u64).to_be_bytes());
    NodeId::from_digest(digest)
}
