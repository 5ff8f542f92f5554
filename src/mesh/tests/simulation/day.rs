//! A day at 10 % loss: no false alarm, and a cut is noticed all the same.

use refuge_mesh::DownReason;

use crate::with_seeds;
use crate::world::{LOSSY, News, Path, World};

const DAY_MS: u64 = 86_400_000;
/// The first link may take some retransmissions.
const BEGINNING_MS: u64 = 60_000;

fn a_day(seed: u64, path: Path, one_sided: bool) {
    let mut world = World::new(seed, 2, path);
    if one_sided {
        world.hide(0, 1);
    }
    world.start_all();
    world.run_for(BEGINNING_MS);
    let since_ms = world.now_ms;
    world.run_for(DAY_MS);
    for (node, peer) in [(0, 1), (1, 0)] {
        assert!(world.is_up(node, peer));
        assert_eq!(world.news(node, peer, since_ms), [], "a false alarm");
    }
    let connections = world.connections.len();
    assert!(connections <= 100, "{connections} connections: it suspects too much");
    world.part(0, 1, true);
    let cut_ms = world.now_ms;
    world.run_for(30_000);
    for (node, peer) in [(0, 1), (1, 0)] {
        let took_ms = world.only(node, peer, cut_ms, News::Down(DownReason::Timeout));
        assert!(took_ms <= 20_000, "{took_ms} ms");
    }
}

#[test]
fn a_day_at_ten_percent_loss_has_no_false_alarm_and_a_cut_shows_within_20_s() {
    with_seeds(3, |seed| a_day(seed, LOSSY, false));
}

#[test]
fn so_it_is_when_only_one_can_dial() {
    with_seeds(3, |seed| a_day(seed, LOSSY, true));
}

#[test]
fn so_it_is_at_other_losses() {
    for loss_percent in [1, 3, 5] {
        with_seeds(1, |seed| a_day(seed, Path { loss_percent, ..LOSSY }, false));
    }
}

/// Over a satellite a dial takes seconds, and so does every retransmission.
#[test]
fn so_it_is_over_a_long_way() {
    for loss_percent in [1, 4] {
        let path = Path { latency_ms: 300, jitter_ms: 30, loss_percent };
        with_seeds(1, |seed| a_day(seed, path, seed % 2 == 0));
    }
}

/// As on a busy machine, or by radio.
#[test]
fn so_it_is_where_times_vary() {
    let path = Path { latency_ms: 20, jitter_ms: 400, loss_percent: 1 };
    with_seeds(1, |seed| a_day(seed, path, false));
}
