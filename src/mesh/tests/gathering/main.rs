//! A thousand nodes that move, come and go, and find their friends by hubs and by what worked before:
//! the pure parts alone, in virtual time. Each run prints its seed; `REFUGE_SEED` runs one again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the message"
)]

#[path = "../simulation/dice.rs"]
mod dice;
mod everything;
mod introductions;
mod messages;
mod world;

use world::{Faults, World};

const HOUR_MS: u64 = 60 * 60 * 1_000;

fn seed() -> u64 {
    let given = std::env::var("REFUGE_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since_1970.unwrap_or_default().as_nanos() as u64
    });
    println!("REFUGE_SEED={seed}");
    seed
}

#[test]
fn a_thousand_nodes_that_move_find_their_friends_within_hours() {
    let mut world = World::new(seed(), Faults { lost_percent: 20, ..Faults::default() });
    for _ in 0..24 {
        world.pass(HOUR_MS);
        world.churn(5);
    }
    // Nobody moves any more; two rounds of records and questions, each of which may be lost.
    for _ in 0..6 {
        world.pass(HOUR_MS);
    }
    let (found, all) = world.found();
    println!("{found} of {all} pairs that are up found each other");
    assert!(found * 1_000 >= all * 999, "{found} of {all}");
}

#[test]
fn a_partition_heals_and_addresses_from_before_it_still_work() {
    let mut world = World::new(seed(), Faults::default());
    world.pass(2 * HOUR_MS);
    let (found, all) = world.found();
    assert_eq!(found, all, "without faults all are found");
    world.part(true);
    for _ in 0..48 {
        world.pass(HOUR_MS);
    }
    let (within, of) = world.found();
    println!(
        "apart, {within} of {of}: those of the hubs' part and those who stayed where they were"
    );
    world.part(false);
    world.pass(2 * HOUR_MS);
    let (found, all) = world.found();
    assert_eq!(found, all, "healed");
}

#[test]
fn clocks_that_are_hours_off_do_not_matter_and_days_off_are_refused_not_believed() {
    let mut world = World::new(seed(), Faults { hours_off: 11, ..Faults::default() });
    world.pass(4 * HOUR_MS);
    let (found, all) = world.found();
    assert_eq!(found, all);
    let mut world = World::new(seed(), Faults { hours_off: 72, ..Faults::default() });
    world.pass(4 * HOUR_MS);
    assert!(world.refused > 0, "records of clocks that are days off are refused");
    assert_eq!(world.believed_wrongly, 0);
}

#[test]
fn a_hub_that_replays_and_mixes_up_leads_nobody_astray() {
    let mut world = World::new(seed(), Faults { lying_hub: true, ..Faults::default() });
    for _ in 0..12 {
        world.pass(HOUR_MS);
        world.churn(5);
    }
    for _ in 0..3 {
        world.pass(HOUR_MS);
    }
    let (found, all) = world.found();
    println!("{found} of {all} although one hub of three lies");
    assert!(found * 1_000 >= all * 999, "{found} of {all}");
    assert_eq!(world.believed_wrongly, 0);
}
