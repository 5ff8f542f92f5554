//! The nodes, their hubs and the network between them. A node's address is its number and how often it
//! moved; whoever dials it there and is let through reaches it.

use std::collections::HashMap;

use refuge_mesh::{
    AddressBook, AddressSource, Claims, HubRegistry, NodeId, Statement, StatementContent,
    StatementContext, StatementKind, judge, next_serial,
};

use crate::dice::Dice;

const NODES: usize = 1_000;
const HUBS: usize = 3;
const FRIENDS: usize = 8;
/// A record holds for as long as it may; it is renewed each hour.
const LIFETIME_MS: u64 = 24 * HOUR_MS;
const HOUR_MS: u64 = 60 * 60 * 1_000;
const BEGIN_MS: u64 = 1_800_000_000_000;

#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Of a hundred requests so many are lost.
    pub(crate) lost_percent: u64,
    /// Clocks are off by up to so many hours in either direction.
    pub(crate) hours_off: u64,
    /// The first hub answers with old records and those of others.
    pub(crate) lying_hub: bool,
}

struct Person {
    id: NodeId,
    up: bool,
    moved: u32,
    /// Milliseconds that its clock is ahead, less those that it is behind.
    off_ms: i64,
    friends: Vec<usize>,
    book: AddressBook,
    /// The serials it saw of each friend.
    seen: HashMap<NodeId, u64>,
    serial: Option<u64>,
}

pub(crate) struct World {
    faults: Faults,
    now_ms: u64,
    people: Vec<Person>,
    by_id: HashMap<NodeId, usize>,
    hubs: Vec<HubRegistry>,
    /// Records as they were before, which a lying hub answers with.
    old: HashMap<NodeId, Statement>,
    parted: bool,
    dice: Dice,
    /// Links, with how often the friend had moved when it was reached.
    links: HashMap<(usize, usize), u32>,
    /// Records that were refused, by hubs or by readers.
    pub(crate) refused: u64,
    /// Addresses that were taken from a record of somebody else.
    pub(crate) believed_wrongly: u64,
}

impl World {
    pub(crate) fn new(seed: u64, faults: Faults) -> Self {
        let mut world = Self {
            faults,
            now_ms: BEGIN_MS,
            people: Vec::new(),
            by_id: HashMap::new(),
            hubs: (0..HUBS).map(|_| HubRegistry::new(NODES)).collect(),
            old: HashMap::new(),
            parted: false,
            dice: Dice::new(seed),
            links: HashMap::new(),
            refused: 0,
            believed_wrongly: 0,
        };
        for number in 0..NODES {
            let mut digest = [7; 32];
            digest[..8].copy_from_slice(&(number as u64).to_be_bytes());
            let id = NodeId::from_digest(digest);
            let most = faults.hours_off * HOUR_MS;
            let off_ms = world.roll(2 * most + 1) as i64 - most as i64;
            let friends = (0..FRIENDS).map(|_| world.roll(NODES as u64) as usize);
            let friends = friends.filter(|friend| *friend != number).collect();
            world.by_id.insert(id, number);
            world.people.push(Person {
                id,
                up: true,
                moved: 0,
                off_ms,
                friends,
                book: AddressBook::default(),
                seen: HashMap::new(),
                serial: None,
            });
        }
        world
    }

    /// Lets time pass, an hour at a time: each node that is up renews its record and looks for those of its
    /// friends whom it does not reach.
    pub(crate) fn pass(&mut self, span_ms: u64) {
        for _ in 0..span_ms / HOUR_MS {
            self.now_ms += HOUR_MS;
            for number in 0..NODES {
                if self.people[number].up {
                    self.register(number);
                }
            }
            for number in 0..NODES {
                if self.people[number].up {
                    self.look(number);
                }
            }
        }
    }

    /// Of a hundred nodes so many move to another address, and as many go down or come up.
    pub(crate) fn churn(&mut self, percent: u64) {
        for number in 0..NODES {
            if self.roll(100) < percent {
                self.people[number].moved += 1;
            }
            if self.roll(100) < percent {
                self.people[number].up = !self.people[number].up;
            }
        }
    }

    /// Divides the network into those with even and with odd numbers; hubs are with the even ones.
    pub(crate) fn part(&mut self, parted: bool) {
        self.parted = parted;
    }

    /// Pairs of friends that are up and of which the one reaches the other, and all such pairs.
    pub(crate) fn found(&self) -> (usize, usize) {
        let (mut found, mut all) = (0, 0);
        for (number, person) in self.people.iter().enumerate().filter(|(_, person)| person.up) {
            for friend in person.friends.iter().filter(|friend| self.people[**friend].up) {
                all += 1;
                found += usize::from(self.is_linked(number, *friend));
            }
        }
        (found, all)
    }

    fn register(&mut self, number: usize) {
        let now_ms = self.clock(number);
        let address = self.address(number);
        let person = &mut self.people[number];
        let serial = next_serial(person.serial, now_ms);
        person.serial = Some(serial);
        let claims = Claims {
            issuer: person.id,
            subject: person.id,
            audience: None,
            serial,
            issued_ms: now_ms,
            expires_ms: now_ms + LIFETIME_MS,
            content: StatementContent::HubRecord {
                name: format!("node {number}"),
                addresses: vec![address],
                listed: true,
                key: vec![1],
            },
        };
        let id = person.id;
        let payload = claims.to_payload();
        let record = Statement::signed(payload, StatementKind::HubRecord, vec![1], None).unwrap();
        for hub in 0..HUBS {
            if self.is_lost() || (self.parted && number % 2 == 1) {
                continue;
            }
            if let Some(kept) = self.hubs[hub].get(&id) {
                self.old.entry(id).or_insert_with(|| kept.clone());
            }
            // Hubs have the right time.
            let context = (NodeId::from_digest([hub as u8; 32]), self.now_ms);
            if self.hubs[hub].register(context, &id, record.clone()).is_err() {
                self.refused += 1;
            }
        }
    }

    fn look(&mut self, number: usize) {
        for friend in self.people[number].friends.clone() {
            if self.is_linked(number, friend) || self.dial(number, friend) {
                continue;
            }
            for hub in 0..HUBS {
                let is_beyond = self.parted && number % 2 == 1;
                if !self.is_lost() && !is_beyond {
                    self.ask(number, friend, hub);
                }
            }
            self.dial(number, friend);
        }
    }

    /// Tries all addresses that are known of a friend.
    fn dial(&mut self, number: usize, friend: usize) -> bool {
        let now_ms = self.clock(number);
        let (id, there) = (self.people[friend].id, self.address(friend));
        let apart = self.parted && number % 2 != friend % 2;
        let answers = self.people[friend].up && !apart;
        let lost = self.is_lost();
        let book = &mut self.people[number].book;
        let mut reached = false;
        for known in book.of(now_ms, &id) {
            if known.address == there && answers && !lost {
                book.worked(now_ms, &id, &known.address);
                reached = true;
            } else {
                book.failed(&id, &known.address);
            }
        }
        if reached {
            self.links.insert((number, friend), self.people[friend].moved);
        }
        reached
    }

    /// A link lives until one of its ends moves or goes down, or the network parts.
    fn is_linked(&self, number: usize, friend: usize) -> bool {
        let there = &self.people[friend];
        let apart = self.parted && number % 2 != friend % 2;
        let made = self.links.get(&(number, friend));
        there.up && !apart && made == Some(&there.moved)
    }

    fn ask(&mut self, number: usize, friend: usize, hub: usize) {
        let id = self.people[friend].id;
        let lies = self.faults.lying_hub && hub == 0;
        let answer = match (lies, self.roll(2)) {
            (true, 0) => self.old.get(&id).cloned(),
            (true, _) => self.hubs[hub].get(&self.people[(friend + 1) % NODES].id).cloned(),
            _ => self.hubs[hub].get(&id).cloned(),
        };
        let Some(record) = answer else { return };
        let now_ms = self.clock(number);
        let claims = record.claims();
        // What the signature proves in the node: it is the friend's own.
        if claims.issuer != id {
            self.refused += 1;
            return;
        }
        let person = &mut self.people[number];
        let last_serial = person.seen.get(&id).copied();
        let context = StatementContext { us: person.id, now_ms, last_serial };
        let expired = claims.expires_ms <= now_ms;
        let source = match judge(claims, &context) {
            Ok(_) => AddressSource::Hub,
            // Past its expiry it is a hint: the handshake proves the node.
            Err(_) if expired => AddressSource::OldRecord,
            Err(_) => {
                self.refused += 1;
                return;
            }
        };
        if source == AddressSource::Hub {
            person.seen.insert(id, claims.serial);
        }
        let StatementContent::HubRecord { addresses, .. } = &claims.content else { return };
        for address in addresses {
            if !address.starts_with(&format!("node{friend}.")) {
                self.believed_wrongly += 1;
            }
            person.book.told(now_ms, id, (address, source));
        }
    }

    fn address(&self, number: usize) -> String {
        format!("node{number}.at{}.example:6984", self.people[number].moved)
    }

    /// What its clock shows.
    fn clock(&self, number: usize) -> u64 {
        self.now_ms.saturating_add_signed(self.people[number].off_ms)
    }

    fn is_lost(&mut self) -> bool {
        let percent = self.faults.lost_percent;
        self.dice.percent(percent)
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.dice.below(sides)
    }
}
