//! Paths that are cut without a FIN and come back, connections that are lost or broken.

use refuge_mesh::DownReason;

use crate::with_seeds;
use crate::world::{CLEAN, LOSSY, News, World};

/// Two nodes that have been linked for a while; `hidden` says that 0 cannot dial 1.
fn linked(seed: u64, hidden: bool) -> World {
    let mut world = World::new(seed, 2, CLEAN);
    if hidden {
        world.hide(0, 1);
    }
    world.start_all();
    let while_ms = 30_000 + world.dice.below(3_000);
    world.run_for(while_ms);
    world.assert_linked(0, 1);
    world
}

#[test]
fn on_a_clean_path_a_cut_shows_within_5_s() {
    for hidden in [false, true] {
        with_seeds(100, |seed| {
            let mut world = linked(seed, hidden);
            world.part(0, 1, true);
            let cut_ms = world.now_ms;
            world.run_for(30_000);
            for (node, peer) in [(0, 1), (1, 0)] {
                let took_ms = world.only(node, peer, cut_ms, News::Down(DownReason::Timeout));
                assert!(took_ms <= 4_700, "{took_ms} ms");
            }
        });
    }
}

#[test]
fn a_cut_of_one_direction_shows_on_both_sides() {
    with_seeds(50, |seed| {
        let mut world = linked(seed, seed % 2 == 0);
        world.set_cut(0, 1, true);
        let cut_ms = world.now_ms;
        world.run_for(20_000);
        assert!(!world.is_up(1, 0));
        assert!(!world.news(0, 1, cut_ms).is_empty());
        world.set_cut(0, 1, false);
        world.run_for(180_000);
        world.assert_linked(0, 1);
    });
}

#[test]
fn after_minutes_apart_they_are_up_soon_after_the_path_is_back() {
    with_seeds(100, |seed| {
        let mut world = linked(seed, seed % 3 == 0);
        world.part(0, 1, true);
        let apart_ms = 60_000 + world.dice.below(900_000);
        world.run_for(apart_ms);
        world.part(0, 1, false);
        let healed_ms = world.now_ms;
        world.run_for(70_000);
        let [one, other] =
            [(0, 1), (1, 0)].map(|(node, peer)| world.only(node, peer, healed_ms, News::Up));
        assert!(one.abs_diff(other) <= 100);
        world.run_for(10_000);
        world.assert_linked(0, 1);
    });
}

#[test]
fn a_cut_shorter_than_the_suspicion_shows_nowhere() {
    with_seeds(100, |seed| {
        let mut world = linked(seed, seed % 2 == 0);
        let since_ms = world.now_ms;
        world.part(0, 1, true);
        let short_ms = world.dice.below(1_200);
        world.run_for(short_ms);
        world.part(0, 1, false);
        world.run_for(60_000);
        assert_eq!((world.news(0, 1, since_ms), world.news(1, 0, since_ms)), (vec![], vec![]));
        world.assert_linked(0, 1);
    });
}

/// A router forgets the connection; a fresh one works: the probe finds out, whoever can dial.
#[test]
fn a_connection_that_is_lost_alone_is_replaced_and_shows_nowhere() {
    for hidden in [false, true] {
        with_seeds(100, |seed| {
            let mut world = linked(seed, hidden);
            let since_ms = world.now_ms;
            for _ in 0..5 {
                world.lose_connections(0, 1);
                let pause_ms = 20_000 + world.dice.below(2_000);
                world.run_for(pause_ms);
                world.assert_linked(0, 1);
            }
            assert_eq!((world.news(0, 1, since_ms), world.news(1, 0, since_ms)), (vec![], vec![]));
        });
    }
}

#[test]
fn a_connection_that_is_lost_on_a_lossy_path_is_replaced_too() {
    with_seeds(100, |seed| {
        let mut world = linked(seed, false);
        world.set_path(LOSSY);
        world.run_for(300_000);
        let since_ms = world.now_ms;
        world.lose_connections(0, 1);
        world.run_for(60_000);
        assert_eq!((world.news(0, 1, since_ms), world.news(1, 0, since_ms)), (vec![], vec![]));
    });
}

#[test]
fn a_connection_that_breaks_is_made_again_and_shows_nowhere() {
    with_seeds(100, |seed| {
        let mut world = linked(seed, seed % 2 == 0);
        let since_ms = world.now_ms;
        world.break_connections(0, 1);
        world.run_for(20_000);
        assert_eq!((world.news(0, 1, since_ms), world.news(1, 0, since_ms)), (vec![], vec![]));
        world.assert_linked(0, 1);
    });
}

/// Broken every few seconds while nothing gets through for a moment, so that each break shows.
#[test]
fn a_path_that_flaps_is_told_now_and_then_only() {
    with_seeds(20, |seed| {
        let mut world = linked(seed, false);
        let since_ms = world.now_ms;
        for _ in 0..200 {
            world.part(0, 1, true);
            world.break_connections(0, 1);
            world.run_for(1_500);
            world.part(0, 1, false);
            world.run_for(4_000);
        }
        let ups = world.news(0, 1, since_ms).iter().filter(|(_, news)| *news == News::Up).count();
        assert!((1..60).contains(&ups), "{ups} times up in 200 breaks");
        world.run_for(120_000);
        world.assert_linked(0, 1);
    });
}

/// As when a machine is short of memory, or for a moment asleep.
#[test]
fn a_node_that_does_nothing_for_three_seconds_shows_nowhere() {
    with_seeds(100, |seed| {
        let mut world = linked(seed, seed % 2 == 0);
        let since_ms = world.now_ms;
        let node = world.dice.below(2) as usize;
        world.freeze(node, 3_000);
        world.run_for(60_000);
        assert_eq!((world.news(0, 1, since_ms), world.news(1, 0, since_ms)), (vec![], vec![]));
        world.assert_linked(0, 1);
    });
}

#[test]
fn a_node_that_slept_for_minutes_is_up_soon_after_it_woke() {
    with_seeds(50, |seed| {
        let mut world = linked(seed, seed % 2 == 0);
        world.freeze(0, 300_000);
        world.run_for(299_000);
        assert!(!world.is_up(1, 0));
        world.run_for(70_000);
        world.assert_linked(0, 1);
    });
}
