//! Who finds room among those that ask, whose word counts, and who leaves.

use super::*;
use crate::peer::PeerRecord;

fn asking(number: u16, from: &str) -> PendingPeer {
    let mut digest = [0; 32];
    digest[..2].copy_from_slice(&number.to_be_bytes());
    PendingPeer {
        id: NodeId::from_digest(digest),
        name: "somebody".to_owned(),
        addresses: Vec::new(),
        from: from.parse().ok(),
        introducer: None,
        groups: Vec::new(),
        since_ms: u64::from(number),
    }
}

fn introduced(number: u16) -> PendingPeer {
    let introducer = Some(NodeId::from_digest([9; 32]));
    PendingPeer { introducer, ..asking(number, "") }
}

#[test]
fn three_of_one_address_may_wait() {
    let mut list = PendingList::default();
    for number in 0..3 {
        assert_eq!(list.ask(asking(number, "203.0.113.1")), Ok(Asked::Noted));
    }
    let fourth = list.ask(asking(3, "203.0.113.1"));
    assert_eq!(fourth, Err(PendingRefusal::TooManyFromOne));
    assert_eq!(list.ask(asking(4, "203.0.113.2")), Ok(Asked::Noted));
    assert_eq!(list.ask(asking(0, "203.0.113.1")), Ok(Asked::Known));
    for number in 10..13 {
        let from = format!("2001:db8::{number}");
        assert_eq!(list.ask(asking(number, &from)), Ok(Asked::Noted));
    }
    assert!(list.ask(asking(13, "2001:db8::ff")).is_err(), "one /64 is one address");
}

#[test]
fn a_full_list_keeps_the_earlier_and_has_room_for_friends() {
    let mut list = PendingList::default();
    for number in 0..10_000 {
        let from = format!("203.{}.{}.1", number / 256, number % 256);
        let noted = list.ask(asking(number, &from)).is_ok();
        assert_eq!(noted, number < 100, "{number}");
    }
    assert_eq!(list.all().len(), 100);
    assert_eq!(list.all()[0].since_ms, 0);
    assert_eq!(list.ask(asking(10_001, "192.168.1.7")), Ok(Asked::Noted));
    assert_eq!(list.ask(introduced(10_002)), Ok(Asked::Noted));
}

#[test]
fn one_introducer_leaves_room_for_the_others() {
    let mut list = PendingList::default();
    for number in 0..20 {
        assert_eq!(list.ask(introduced(number)), Ok(Asked::Noted));
    }
    let too_many = Err(PendingRefusal::TooManyOfOneIntroducer);
    assert_eq!(list.ask(introduced(20)), too_many);
    list.ask(asking(21, "203.0.113.1")).expect("room for a stranger");
    assert_eq!(list.ask(introduced(21)), too_many, "nor by way of a stranger");
    assert_eq!(list.ask(introduced(0)), Ok(Asked::Known));
    let other = Some(NodeId::from_digest([8; 32]));
    let by_other = |number| PendingPeer { introducer: other, ..introduced(number) };
    assert_eq!(list.ask(by_other(22)), Ok(Asked::Noted));
    assert_eq!(list.ask(by_other(0)), Ok(Asked::Known));
    let first = list.get(&introduced(0).id).expect("pending");
    assert_eq!(first.introducer, introduced(0).introducer, "the first word stays");
}

#[test]
fn nobody_is_pending_on_the_word_of_whom_nobody_believes_any_more() {
    let groups = || vec!["family".to_owned(), "work".to_owned()];
    let mut list = PendingList::default();
    for number in 0..2 {
        list.ask(PendingPeer { groups: groups(), ..introduced(number) }).expect("room");
    }
    list.ask(asking(1, "203.0.113.1")).expect("it asks itself, too");
    let introducer = |may_confer: &[&str], introducer| {
        let may_confer = may_confer.iter().map(|group| (*group).to_owned()).collect();
        let id = NodeId::from_digest([9; 32]);
        let trust = Trust::Trusted;
        Peers::new([PeerRecord { trust, introducer, may_confer, ..PeerRecord::new(id) }])
    };
    list.judge_again(&introducer(&["family"], true));
    let groups: Vec<_> = list.all().iter().map(|one| one.groups.clone()).collect();
    assert_eq!(groups, [["family"], ["family"]]);
    list.judge_again(&introducer(&["family"], false));
    let [stranger] = list.all().try_into().expect("one is left");
    assert_eq!((stranger.introducer, stranger.groups.len()), (None, 0));
    assert_eq!(stranger.kind(), PendingKind::Elsewhere);
}

#[test]
fn an_introduction_outlives_a_knock() {
    let mut list = PendingList::default();
    let mut vouched = introduced(1);
    vouched.groups = vec!["family".to_owned()];
    list.ask(vouched).expect("room");
    let mut knock = asking(1, "203.0.113.1");
    knock.name = "ad\u{1b}[2Jmin".to_owned();
    knock.addresses = vec!["a:1".to_owned()];
    assert_eq!(list.ask(knock), Ok(Asked::Known));
    let known = list.take(&asking(1, "").id).expect("pending");
    assert_eq!((known.name.as_str(), known.groups.len()), ("somebody", 1));
    assert_eq!(known.addresses, ["a:1"]);
    assert_eq!(known.kind(), PendingKind::Introduced);
    let mut knock = asking(2, "203.0.113.1");
    knock.name = "ad\u{1b}[2Jm\u{202E}in".to_owned();
    list.ask(knock).expect("room");
    assert_eq!(list.all()[0].name, "ad[2Jmin");
    list.take(&asking(2, "").id);
    assert!(list.all().is_empty());
}

#[test]
fn a_stranger_that_nobody_decided_about_leaves_after_thirty_days() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let mut list = PendingList::default();
    for number in 0..100 {
        list.ask(asking(number, &format!("203.0.{number}.1"))).expect("room");
    }
    list.ask(introduced(100)).expect("room");
    let late = PendingPeer { since_ms: 30 * DAY_MS, ..asking(101, "198.51.100.1") };
    list.forget_old(30 * DAY_MS - 1);
    assert_eq!(list.ask(late.clone()), Err(PendingRefusal::Full));
    list.forget_old(30 * DAY_MS + 49);
    assert_eq!(list.all().len(), 51, "half of the strangers, and the one that was introduced");
    assert_eq!(list.ask(late), Ok(Asked::Noted));
    // A clock that was set back forgets nobody.
    list.forget_old(0);
    assert_eq!(list.all().len(), 52);
}

#[test]
fn all_that_ask_are_taken_at_once() {
    let mut list = PendingList::default();
    for number in [2, 1] {
        list.ask(asking(number, "203.0.113.1")).expect("room");
    }
    list.ask(introduced(3)).expect("room");
    let taken: Vec<_> = list.take_all().iter().map(|one| one.since_ms).collect();
    assert_eq!((taken, list.all().len()), (vec![1, 2, 3], 0));
}
