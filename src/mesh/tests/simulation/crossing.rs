//! Two nodes that dial each other at the same time.

use crate::with_seeds;
use crate::world::{CLEAN, LOSSY, News, World};

#[test]
fn crossing_dials_end_in_one_link_and_one_up() {
    with_seeds(300, |seed| {
        let mut world = World::new(seed, 2, CLEAN);
        world.start_all();
        world.run_for(20_000);
        world.assert_linked(0, 1);
        for (node, peer) in [(0, 1), (1, 0)] {
            world.only(node, peer, 0, News::Up);
        }
    });
}

#[test]
fn of_links_that_cross_the_one_by_the_smaller_id_stays() {
    with_seeds(100, |seed| {
        let mut world = World::new(seed, 2, CLEAN);
        // In the same millisecond: each has said hello before it hears of the other.
        world.start(1);
        world.start(0);
        world.run_for(20_000);
        world.assert_linked(0, 1);
        assert_eq!(world.dialler(0, 1), 0);
    });
}

#[test]
fn so_it_is_on_a_lossy_path() {
    with_seeds(300, |seed| {
        let mut world = World::new(seed, 2, LOSSY);
        world.start_all();
        world.run_for(60_000);
        for (node, peer) in [(0, 1), (1, 0)] {
            world.only(node, peer, 0, News::Up);
        }
    });
}

#[test]
fn five_nodes_are_all_linked_to_each_other() {
    with_seeds(30, |seed| {
        let mut world = World::new(seed, 5, CLEAN);
        world.start_all();
        world.run_for(20_000);
        for one in 0..5 {
            for other in 0..one {
                world.assert_linked(one, other);
            }
        }
    });
}
