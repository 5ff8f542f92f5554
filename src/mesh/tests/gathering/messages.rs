//! Messages between a thousand nodes over links that break, with what is owed to whom told from when the links
//! were there and from the clocks alone.

mod node;
mod world;

use std::collections::HashMap;

use refuge_mesh::MESSAGE_LIFETIME_MS;

use world::{DAY_MS, Faults, HOUR_MS, Sent, World};

/// A sender's clock may be ahead by so much.
const TOLERATED_MS: i64 = 3 * DAY_MS as i64;
/// A link that was there for so long while a message held was there long enough for it.
const LONG_ENOUGH_MS: u64 = 6 * HOUR_MS;

/// More than may be under way to one node at a time.
const MANY_AT_ONCE: Faults =
    Faults { hours_off: 0, senders: 8, most_at_once: 24, lost_alone: false };

/// Two weeks, of which the network was in two parts for three days.
fn two_weeks(seed: u64, faults: Faults) -> World {
    println!("seed {seed}");
    let mut world = World::new(seed, faults);
    world.pass(5 * DAY_MS);
    world.part(true);
    world.pass(3 * DAY_MS);
    world.part(false);
    world.pass(5 * DAY_MS);
    world.heal(DAY_MS);
    world
}

/// How often each was delivered.
fn deliveries(world: &World) -> Vec<u32> {
    let mut times = vec![0; world.sent.len()];
    world.delivered.iter().for_each(|number| times[*number] += 1);
    times
}

/// Whether its receiver was there for long enough while the message held by the clocks of both.
fn is_owed(world: &World, sent: &Sent) -> bool {
    let at = sent.at_ms as i64;
    let from = at + (sent.ahead_ms - TOLERATED_MS).max(0);
    let until = at + MESSAGE_LIFETIME_MS as i64 + sent.ahead_ms.min(0);
    let lives = &world.links[sent.link].lives;
    lives.iter().any(|(since_ms, end_ms)| {
        let (since, end) = ((*since_ms as i64).max(from), (*end_ms as i64).min(until));
        end - since >= LONG_ENOUGH_MS as i64
    })
}

fn check_deliveries(world: &World) {
    let times = deliveries(world);
    let twice = times.iter().filter(|times| **times > 1).count();
    let missing = world.sent.iter().zip(&times).filter(|(_, times)| **times == 0);
    let owed = missing.clone().filter(|(sent, _)| is_owed(world, sent)).count();
    let (sent, missing) = (world.sent.len(), missing.count());
    println!("of {sent} messages {missing} were not delivered and {} given up", world.given_up);
    println!("{} came again; {:?} refused by clocks", world.again, world.refused);
    assert!(sent > 50_000 && world.again > 1_000, "much was sent, and much of it again");
    assert_eq!((twice, owed), (0, 0), "delivered twice, and owed and not delivered");
}

/// How many were delivered behind one that was sent later.
fn out_of_order(world: &World) -> usize {
    let mut last: HashMap<(usize, usize), usize> = HashMap::new();
    let ends = world.delivered.iter().map(|number| (world.sent[*number].ends, *number));
    ends.filter(|(ends, number)| last.insert(*ends, *number).is_some_and(|last| last > *number))
        .count()
}

#[test]
fn messages_come_once_and_in_order_whatever_becomes_of_links_and_nodes() {
    for seed in [1, 2] {
        let world = two_weeks(seed, MANY_AT_ONCE);
        check_deliveries(&world);
        assert_eq!(out_of_order(&world), 0);
    }
}

#[test]
fn messages_come_once_and_in_order_between_clocks_that_are_days_off() {
    // Few, since those that the clocks refuse for days keep their places among those that are under way.
    let faults = Faults { hours_off: 48, senders: 40, most_at_once: 1, lost_alone: false };
    let world = two_weeks(3, faults);
    check_deliveries(&world);
    assert_eq!(out_of_order(&world), 0);
}

#[test]
fn messages_that_are_lost_alone_come_once() {
    let world = two_weeks(4, Faults { hours_off: 11, lost_alone: true, ..MANY_AT_ONCE });
    check_deliveries(&world);
}
