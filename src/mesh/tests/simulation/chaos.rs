//! Everything at once, then peace: all are linked again, and agree over which connection.

use crate::with_seeds;
use crate::world::{CLEAN, LOSSY, World};

const FAULTS: usize = 60;
/// More than the longest pause between two dials and the longest damping together.
const PEACE_MS: u64 = 240_000;

fn a_fault(world: &mut World) {
    let count = world.nodes.len() as u64;
    let one = world.dice.below(count) as usize;
    let other = (one + 1 + world.dice.below(count - 1) as usize) % world.nodes.len();
    let running = world.nodes[one].is_running();
    match world.dice.below(11) {
        0 => world.part(one, other, true),
        1 => world.part(one, other, false),
        2 => world.set_cut(one, other, true),
        3 => world.lose_connections(one, other),
        4 => world.break_connections(one, other),
        5 if running => world.kill(one),
        6 if running => world.switch_off(one),
        7 if running => world.stop(one),
        8 => world.set_path(LOSSY),
        9 => world.freeze(one, 20_000),
        _ => world.set_path(CLEAN),
    }
    let back = world.dice.below(count) as usize;
    if world.dice.percent(50) && !world.nodes[back].is_running() {
        world.start(back);
    }
}

fn peace(world: &mut World) {
    world.set_path(CLEAN);
    for one in 0..world.nodes.len() {
        for other in 0..one {
            world.part(one, other, false);
        }
        if !world.nodes[one].is_running() {
            world.start(one);
        }
    }
    world.run_for(PEACE_MS);
    let still_ms = world.now_ms;
    world.run_for(60_000);
    assert!(world.told.last().is_none_or(|told| told.at_ms < still_ms), "there is no peace");
}

#[test]
fn after_any_faults_all_are_linked_again() {
    with_seeds(150, |seed| {
        let mut world = World::new(seed, 3, CLEAN);
        if seed % 2 == 0 {
            world.hide(2, 0);
        }
        world.start_all();
        for _ in 0..FAULTS {
            a_fault(&mut world);
            let longest_ms = [50, 500, 5_000, 60_000][world.dice.below(4) as usize];
            let pause_ms = world.dice.below(longest_ms);
            world.run_for(pause_ms);
        }
        peace(&mut world);
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            world.assert_linked(one, other);
        }
    });
}
