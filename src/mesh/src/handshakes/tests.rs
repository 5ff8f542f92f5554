//! How many are let in, from one address and in all, and that friends find room when strangers fill theirs.

use super::*;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

fn limiter() -> HandshakeLimiter {
    HandshakeLimiter::new(HandshakeLimits::default())
}

fn v4(number: u32) -> IpAddr {
    Ipv4Addr::from_bits(number).into()
}

fn stranger(limiter: &mut HandshakeLimiter, now_ms: u64, from: IpAddr) -> Admission {
    limiter.begin(now_ms, from, || false)
}

fn friend(limiter: &mut HandshakeLimiter, now_ms: u64, from: IpAddr) -> Admission {
    limiter.begin(now_ms, from, || true)
}

/// Allowed handshakes of so many attempts of strangers, each ended at once.
fn allowed(limiter: &mut HandshakeLimiter, attempts: u32, now_ms: u64, from: IpAddr) -> u32 {
    let mut count = 0;
    for _ in 0..attempts {
        if let Admission::Allow(place) = stranger(limiter, now_ms, from) {
            limiter.ended(place);
            count += 1;
        }
    }
    count
}

#[test]
fn an_address_gets_its_burst_and_then_five_a_second() {
    let mut limiter = limiter();
    assert_eq!(allowed(&mut limiter, 100, 0, v4(1)), 10);
    let later: u32 = (1..=100).map(|step| allowed(&mut limiter, 3, step * 100, v4(1))).sum();
    assert_eq!(later, 50);
    assert_eq!(allowed(&mut limiter, 100, 3_600_000, v4(1)), 10);
}

#[test]
fn one_address_costs_another_nothing() {
    let mut limiter = limiter();
    assert_eq!(allowed(&mut limiter, 100, 0, v4(1)), 10);
    assert_eq!(allowed(&mut limiter, 100, 0, v4(2)), 10);
}

#[test]
fn the_addresses_of_one_ipv6_network_are_one() {
    let mut limiter = limiter();
    let host = |host: u128| IpAddr::from(Ipv6Addr::from_bits((0x2001_0db8 << 96) | host));
    let count: u32 = (0..50).map(|one| allowed(&mut limiter, 1, 0, host(one))).sum();
    assert_eq!(count, 10);
    let mapped = IpAddr::from(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    assert_eq!(allowed(&mut limiter, 50, 0, mapped), 10);
    assert_eq!(allowed(&mut limiter, 50, 0, Ipv4Addr::LOCALHOST.into()), 0);
}

#[test]
fn fifty_are_under_way_and_no_more() {
    let mut limiter = limiter();
    for number in 0..50 {
        let admission = stranger(&mut limiter, 0, v4(number));
        assert_eq!(admission, Admission::Allow(HandshakePlace::Common));
    }
    assert_eq!(stranger(&mut limiter, 10_000, v4(99)), Admission::Refuse);
    limiter.ended(HandshakePlace::Common);
    let admission = stranger(&mut limiter, 10_000, v4(99));
    assert_eq!(admission, Admission::Allow(HandshakePlace::Common));
    assert_eq!(limiter.under_way(), 50);
}

#[test]
fn fifty_a_second_begin_from_however_many_addresses() {
    let mut limiter = limiter();
    let flood: u32 = (0..10_000).map(|one| allowed(&mut limiter, 1, 0, v4(one))).sum();
    assert_eq!(flood, 50);
    let flood = |step: u32| v4(100_000 + step);
    let later = (1..=10_000).map(|step| allowed(&mut limiter, 1, step.into(), flood(step)));
    assert_eq!(later.sum::<u32>(), 500);
}

#[test]
fn a_flood_of_addresses_takes_no_memory_and_spares_the_known() {
    let mut limiter = limiter();
    let mut number = 0;
    for second in 0..1_000 {
        for _ in 0..100 {
            number += 1;
            allowed(&mut limiter, 1, second * 1_000, v4(number));
            assert!(limiter.allowances.len() <= MOST_ADDRESSES);
        }
    }
    // The quiet ones are forgotten as their places are needed, and one that is not has its own allowance.
    assert_eq!(allowed(&mut limiter, 100, 1_000_000, v4(1)), 10);
    assert_eq!(allowed(&mut limiter, 100, 1_000_000, v4(1)), 0);
}

#[test]
fn what_an_address_may_not_costs_others_nothing() {
    let mut limiter = limiter();
    assert_eq!(allowed(&mut limiter, 10_000, 0, v4(1)), 10);
    let others: u32 = (2..100).map(|one| allowed(&mut limiter, 1, 0, v4(one))).sum();
    assert_eq!(others, 40);
}

#[test]
fn a_friend_is_let_in_however_many_strangers_knock() {
    let mut limiter = limiter();
    let mut let_in = 0;
    for step in 0..10_000 {
        // Slow ones: none of their handshakes ever ends.
        stranger(&mut limiter, step.into(), v4(step));
        if step % 1_000 == 999 {
            let admission = friend(&mut limiter, step.into(), v4(1_000_000));
            assert_eq!(admission, Admission::Allow(HandshakePlace::Kept), "{step}");
            limiter.ended(HandshakePlace::Kept);
            let_in += 1;
        }
    }
    assert_eq!((let_in, limiter.under_way()), (10, 50));
}

#[test]
fn a_friend_is_let_in_when_strangers_have_used_up_their_second() {
    let mut limiter = limiter();
    let flood: u32 = (0..10_000).map(|one| allowed(&mut limiter, 1, 0, v4(one))).sum();
    assert_eq!((flood, limiter.under_way()), (50, 0));
    let admission = friend(&mut limiter, 0, v4(1_000_000));
    assert_eq!(admission, Admission::Allow(HandshakePlace::Kept));
}

#[test]
fn addresses_of_friends_are_bounded_too() {
    let mut limiter = limiter();
    let attempts = |limiter: &mut HandshakeLimiter, now_ms: u64, from: std::ops::Range<u32>| {
        let mut places = [0, 0];
        for one in from {
            match friend(limiter, now_ms, v4(one)) {
                Admission::Allow(HandshakePlace::Common) => places[0] += 1,
                Admission::Allow(HandshakePlace::Kept) => places[1] += 1,
                Admission::Refuse => {}
            }
        }
        places
    };
    assert_eq!(attempts(&mut limiter, 0, 0..10_000), [50, 25]);
    assert_eq!(attempts(&mut limiter, 10_000, 0..10_000), [0, 0], "so many are under way");
    for _ in 0..25 {
        limiter.ended(HandshakePlace::Kept);
    }
    assert_eq!(attempts(&mut limiter, 10_000, 0..10_000), [0, 25]);
    for _ in 0..25 {
        limiter.ended(HandshakePlace::Kept);
    }
    assert_eq!(attempts(&mut limiter, 10_000, 0..10_000), [0, 25]);
    for _ in 0..25 {
        limiter.ended(HandshakePlace::Kept);
    }
    assert_eq!(attempts(&mut limiter, 10_000, 0..10_000), [0, 0], "fifty began in this second");
}

#[test]
fn one_address_of_a_friend_may_five_a_second_as_any_other() {
    let mut limiter = limiter();
    for one in 0..50 {
        stranger(&mut limiter, 0, v4(one));
    }
    let mut let_in = 0;
    for step in 0..=1_000 {
        if let Admission::Allow(place) = friend(&mut limiter, step, v4(1_000_000)) {
            limiter.ended(place);
            let_in += 1;
        }
    }
    assert_eq!(let_in, 10 + 5);
}

#[test]
fn nobody_is_asked_for_friends_while_there_is_room() {
    let mut limiter = limiter();
    for one in 0..50 {
        let admission = limiter.begin(0, v4(one), || panic!("there is room"));
        assert_ne!(admission, Admission::Refuse);
    }
}

#[test]
fn a_node_with_few_connections_has_few_handshakes_under_way() {
    let under_way = |connections| {
        let limits = HandshakeLimits::for_connections(connections);
        (limits.common.under_way, limits.kept.under_way)
    };
    assert_eq!(HandshakeLimits::for_connections(512), HandshakeLimits::default());
    assert_eq!(under_way(usize::MAX), (50, 25));
    assert_eq!(under_way(64), (16, 8));
    assert_eq!(under_way(1), (1, 1));
}
