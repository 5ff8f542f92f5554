//! Introductions among a thousand nodes: words that are lost, replayed, mixed up and superseded, admins that
//! decide, clocks that are days off. What comes of it is what a model says that knows the rules alone.

mod model;
mod node;
mod world;

use std::collections::BTreeSet;

use refuge_mesh::{NodeId, PeerRecord, Trust};

use model::{Word, word_for};
use world::{DAY_MS, NODES, World, id};

/// As a record says it.
fn word_of(record: &PeerRecord) -> Word {
    Word {
        introducer: record.introduced_by.as_deref().unwrap().parse().unwrap(),
        until_ms: record.introduced_until_ms.filter(|_| !record.confirmed),
        groups: record.groups.iter().cloned().collect(),
    }
}

/// Three weeks, of which the network was in two parts for one.
fn three_weeks(seed: u64, hours_off: u64) -> World {
    println!("seed {seed}");
    let mut world = World::new(seed, hours_off);
    world.pass(7 * DAY_MS);
    world.part(true);
    world.pass(7 * DAY_MS);
    world.part(false);
    world.pass(7 * DAY_MS);
    world.heal();
    world
}

fn is_teller(record: &PeerRecord, introducers: &[PeerRecord]) -> bool {
    introducers.iter().any(|one| one.id == record.id)
}

/// Compares all nodes with the model; how many are trusted on a word.
fn check_words(world: &World) -> usize {
    let mut trusted = 0;
    for (number, node) in world.nodes.iter().enumerate() {
        let past = (&node.history[..], world.clock(number));
        for subject in (0..NODES).map(id).filter(|one| node.records.contains_key(one)) {
            let record = &node.records[&subject];
            if is_teller(record, &node.introducers) {
                continue;
            }
            let expected = word_for((node.id, subject), &node.introducers, past);
            let found = (record.trust == Trust::Trusted).then(|| word_of(record));
            assert_eq!(found, expected, "node {number} about {subject}");
            trusted += usize::from(found.is_some());
            let refused = record.trust != Trust::Blocked && node.rejections.contains(&subject);
            assert!(!refused || found.is_none(), "nobody rejected is trusted");
        }
    }
    trusted
}

/// Whom a node trusts at the end on a word that goes on: it is the last that its introducer said, where that still
/// holds by the node's clock. How many those are, and how many are trusted on a longer word from before it.
fn check_last_words(world: &World) -> (usize, usize) {
    let (mut last_ones, mut older) = (0, 0);
    for ((teller, listener, subject), words) in &world.words {
        let (node, now_ms) = (&world.nodes[*listener], world.clock(*listener));
        let record = node.records.get(&id(*subject));
        let on_it = record.filter(|it| it.trust == Trust::Trusted && !it.confirmed);
        let on_it = on_it.filter(|it| it.introduced_by == Some(id(*teller).to_string()));
        let (Some(record), Some(last)) = (on_it, words.last()) else { continue };
        if last.claims().expires_ms > now_ms {
            assert_eq!(record.introduced_until_ms, Some(last.claims().expires_ms));
            last_ones += 1;
        } else {
            older += 1;
        }
    }
    (last_ones, older)
}

fn check(seed: u64, hours_off: u64) {
    let world = three_weeks(seed, hours_off);
    let trusted = check_words(&world);
    let (last_ones, older) = check_last_words(&world);
    println!("{trusted} trusted on words, {last_ones} on last ones, {older} on older ones");
    assert!(last_ones > 300, "{last_ones}");
}

#[test]
fn who_is_trusted_on_whose_word_is_what_the_last_words_say() {
    check(1, 0);
}

#[test]
fn who_is_trusted_on_whose_word_is_what_the_last_words_say_although_clocks_are_days_off() {
    check(2, 48);
}

#[test]
fn whoever_is_no_introducer_gives_nothing_whoever_trusts_it() {
    let world = three_weeks(4, 48);
    for node in &world.nodes {
        let marked = node.introducers.iter().filter(|one| one.introducer);
        let marked: BTreeSet<NodeId> = marked.map(|one| one.id).collect();
        let trusted = node.records.values().filter(|one| one.trust == Trust::Trusted);
        for record in trusted.filter(|one| !is_teller(one, &node.introducers)) {
            assert!(marked.contains(&word_of(record).introducer));
            assert!(!record.introducer && record.id != node.id);
        }
    }
    let tried = world.words.keys().filter(|(teller, listener, _)| {
        let node = &world.nodes[*listener];
        !node.introducers.iter().any(|one| one.introducer && one.id == id(*teller))
    });
    assert!(tried.count() > 1_000, "many tried");
}
