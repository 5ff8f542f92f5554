//! Nodes that die, stop, start again, and are trusted no more.

use refuge_mesh::DownReason;

use crate::with_seeds;
use crate::world::{CLEAN, News, World};

/// A heartbeat that meets a closed socket is answered with a reset, which may overtake the goodbye: then
/// it looks like a break, and that takes a second to be told.
const AT_ONCE_MS: u64 = 1_100;
const CLOSED: News = News::Down(DownReason::Closed);

fn linked(seed: u64) -> World {
    let mut world = World::new(seed, 2, CLEAN);
    if seed.is_multiple_of(3) {
        world.hide(0, 1);
    }
    world.start_all();
    let while_ms = 30_000 + world.dice.below(3_000);
    world.run_for(while_ms);
    world.assert_linked(0, 1);
    world
}

#[test]
fn a_process_that_dies_is_down_after_a_second_and_up_when_it_is_back() {
    with_seeds(100, |seed| {
        let mut world = linked(seed);
        let died_ms = world.now_ms;
        world.kill(1);
        world.run_for(20_000);
        assert!(world.only(0, 1, died_ms, CLOSED) <= 1_100);
        world.start(1);
        world.run_for(1_000);
        assert!(world.is_up(0, 1));
        world.run_for(20_000);
        world.assert_linked(0, 1);
    });
}

#[test]
fn one_that_says_goodbye_is_down_at_once() {
    with_seeds(100, |seed| {
        let mut world = linked(seed);
        let stopped_ms = world.now_ms;
        world.stop(1);
        world.run_for(5_000);
        assert!(world.only(0, 1, stopped_ms, CLOSED) <= AT_ONCE_MS);
    });
}

#[test]
fn a_machine_that_loses_its_power_is_down_within_5_s() {
    with_seeds(100, |seed| {
        let mut world = linked(seed);
        let off_ms = world.now_ms;
        world.switch_off(1);
        world.run_for(60_000);
        let took_ms = world.only(0, 1, off_ms, News::Down(DownReason::Timeout));
        assert!(took_ms <= 4_700, "{took_ms} ms");
        world.start(1);
        world.run_for(70_000);
        world.assert_linked(0, 1);
    });
}

/// Back before anybody missed it: what was in its memory is gone, so it was down and is up.
#[test]
fn one_that_is_back_at_once_was_down_all_the_same() {
    with_seeds(100, |seed| {
        let mut world = linked(seed);
        let since_ms = world.now_ms;
        if seed % 2 == 0 {
            world.kill(1);
        } else {
            world.switch_off(1);
        }
        world.start(1);
        world.run_for(20_000);
        let news: Vec<News> =
            world.news(0, 1, since_ms).into_iter().map(|(_, news)| news).collect();
        assert!(matches!(news[..], [News::Down(_), News::Up]), "{news:?}");
        world.assert_linked(0, 1);
    });
}

#[test]
fn both_are_back_at_once() {
    with_seeds(100, |seed| {
        let mut world = linked(seed);
        for node in [0, 1] {
            if world.dice.percent(50) {
                world.kill(node);
            } else {
                world.switch_off(node);
            }
        }
        let apart_ms = world.dice.below(3_000);
        world.start(0);
        world.run_for(apart_ms);
        world.start(1);
        world.run_for(30_000);
        world.assert_linked(0, 1);
    });
}

#[test]
fn who_is_trusted_no_more_is_cut_off_and_stays_so() {
    with_seeds(50, |seed| {
        let mut world = linked(seed);
        let since_ms = world.now_ms;
        world.revoke(0, 1);
        world.run_for(600_000);
        assert_eq!(world.only(0, 1, since_ms, News::Down(DownReason::Revoked)), 0);
        assert!(world.only(1, 0, since_ms, CLOSED) <= AT_ONCE_MS);
        assert!(!world.is_up(1, 0));
    });
}
