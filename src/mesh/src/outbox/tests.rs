//! Messages over links that break at any moment.

use proptest::prelude::*;

use super::*;

const NOW_MS: u64 = 1_800_000_000_000;

fn id(byte: u8) -> NodeId {
    NodeId::from_digest([byte; 32])
}

fn message(number: u16) -> Message {
    let mut id = [0; 16];
    id[..2].copy_from_slice(&number.to_be_bytes());
    let (application, body) = ("chat".to_owned(), number.to_string());
    Message { id, application, body, sent_ms: NOW_MS }
}

#[test]
fn messages_wait_in_order_and_a_few_are_under_way() {
    let mut outbox = Outbox::default();
    for number in 0..1_000 {
        outbox.post(id(1), message(number)).expect("room");
    }
    assert_eq!(outbox.post(id(1), message(1_000)), Err(OutboxRefusal::Full));
    assert_eq!(outbox.post(id(2), message(1_000)), Ok(()));
    let sent = outbox.next(NOW_MS, &id(1));
    assert_eq!(sent, (0..16).map(message).collect::<Vec<_>>());
    assert!(outbox.next(NOW_MS, &id(1)).is_empty());
    assert!(outbox.acknowledged(&id(1), &message(3).id));
    assert!(!outbox.acknowledged(&id(1), &message(3).id));
    assert!(!outbox.acknowledged(&id(2), &message(4).id));
    assert_eq!(outbox.next(NOW_MS, &id(1)), [message(16)]);
    outbox.link_made(&id(1));
    let again: Vec<Message> = (0..17).filter(|one| *one != 3).map(message).collect();
    assert_eq!(outbox.next(NOW_MS, &id(1)), again);
}

#[test]
fn a_message_whose_receipt_is_lost_is_sent_again_while_others_are_acknowledged() {
    let mut outbox = Outbox::default();
    for number in 0..40 {
        outbox.post(id(1), message(number)).expect("room");
    }
    let mut again = Vec::new();
    for second in 0..100 {
        for sent in outbox.next(NOW_MS + second * 1_000, &id(1)) {
            match sent.id == message(3).id {
                true => again.push(second),
                false => assert!(outbox.acknowledged(&id(1), &sent.id)),
            }
        }
    }
    assert_eq!(again, [0, 10, 30, 70]);
    // The patience has an end, and begins anew with the link.
    let mut now_ms = NOW_MS + 100 * 1_000;
    for _ in 0..10 {
        now_ms += LONGEST_PATIENCE_MS;
        assert_eq!(outbox.next(now_ms, &id(1)), [message(3)]);
        assert_eq!(outbox.next(now_ms + 1, &id(1)), []);
    }
    outbox.link_made(&id(1));
    assert_eq!(outbox.next(now_ms, &id(1)), [message(3)]);
    assert_eq!(outbox.next(now_ms + FIRST_PATIENCE_MS, &id(1)), [message(3)]);
    assert_eq!(outbox.next(NOW_MS, &id(1)), [message(3)], "the clock was set back");
}

#[test]
fn a_message_is_given_up_after_a_week_and_not_taken_then() {
    let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
    outbox.post(id(1), message(1)).expect("room");
    let late = NOW_MS + MESSAGE_LIFETIME_MS;
    assert_eq!(outbox.give_up(late - 1, 0), []);
    assert_eq!(outbox.give_up(late, 1), []);
    assert_eq!(outbox.next(late, &id(1)), [], "it is too old to be sent");
    assert_eq!(outbox.give_up(late, OLD_AT_LEAST_MS), []);
    assert_eq!(outbox.waiting(&id(1)), 1, "not before it is given up with its row");
    assert_eq!(outbox.give_up(late, OLD_AT_LEAST_MS + 1), [(id(1), message(1).id)]);
    assert_eq!(outbox.waiting(&id(1)), 0);
    assert_eq!(inbox.take(late, id(1), &message(1)), Err(InboxRefusal::Old));
    let early = inbox.take(NOW_MS - 4 * 24 * 60 * 60 * 1_000, id(1), &message(1));
    assert_eq!(early, Err(InboxRefusal::FromTheFuture));
}

#[test]
fn a_clock_that_is_ahead_for_a_moment_loses_no_message() {
    let mut outbox = Outbox::default();
    outbox.post(id(1), message(1)).expect("room");
    let late = NOW_MS + MESSAGE_LIFETIME_MS;
    assert_eq!(outbox.give_up(late, 0), []);
    assert_eq!(outbox.give_up(NOW_MS, OLD_AT_LEAST_MS), []);
    assert_eq!(outbox.give_up(late, OLD_AT_LEAST_MS + 1), []);
    assert_eq!(outbox.next(NOW_MS, &id(1)), [message(1)]);
    assert_eq!(outbox.give_up(late, 2 * OLD_AT_LEAST_MS + 1), [(id(1), message(1).id)]);
}

#[test]
fn a_message_of_a_sender_whose_clock_is_days_ahead_is_held_until_the_receiver_takes_it() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
    let ahead_ms = 5 * DAY_MS;
    outbox.post(id(1), Message { sent_ms: NOW_MS + ahead_ms, ..message(1) }).expect("room");
    let mut refused = 0;
    // `since_ms` is what has passed since, by both clocks.
    for since_ms in (0..).step_by(usize::try_from(LONGEST_PATIENCE_MS).expect("small")) {
        let [came] = &outbox.next(NOW_MS + ahead_ms + since_ms, &id(1))[..] else {
            panic!("it is sent again, since nobody said that it has it")
        };
        assert_eq!(outbox.give_up(NOW_MS + ahead_ms + since_ms, since_ms), []);
        match inbox.take(NOW_MS + since_ms, id(2), came) {
            Err(InboxRefusal::FromTheFuture) => refused += 1,
            taken => {
                assert_eq!((taken, since_ms), (Ok(Taken::New), 2 * DAY_MS));
                break;
            }
        }
    }
    assert!(refused > 0 && outbox.acknowledged(&id(1), &message(1).id));
}

#[test]
fn what_is_no_message_is_refused_on_both_sides() {
    let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
    let long = Message { body: "x".repeat(LONGEST_MESSAGE_BYTES + 1), ..message(1) };
    let nameless = Message { application: String::new(), ..message(1) };
    let shouting = Message { application: "CHAT".to_owned(), ..message(1) };
    for (wrong, refusal) in [
        (long, OutboxRefusal::TooLong(LONGEST_MESSAGE_BYTES + 1)),
        (nameless, OutboxRefusal::Application),
        (shouting, OutboxRefusal::Application),
    ] {
        assert_eq!(inbox.take(NOW_MS, id(1), &wrong), Err(refusal.clone().into()));
        assert_eq!(outbox.post(id(1), wrong), Err(refusal));
    }
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn a_body_that_is_nested_too_deeply_is_refused_on_both_sides() {
    for depth in [101, 126, 127, 30_000] {
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        let deep = Message { body: nested(depth), ..message(1) };
        let refusal = OutboxRefusal::TooDeep(depth);
        assert_eq!(inbox.take(NOW_MS, id(1), &deep), Err(refusal.clone().into()));
        assert_eq!(outbox.post(id(1), deep), Err(refusal));
    }
    // Brackets in strings are text.
    let strings = format!(r#"["\\\"{}"]"#, nested(200));
    for body in [nested(100), strings] {
        let message = Message { body, ..message(1) };
        assert_eq!(Outbox::default().post(id(1), message), Ok(()));
    }
}

#[test]
fn what_is_stored_is_read_as_it_was_written() {
    for body in
        [nested(126), nested(127), "12345678901234567890123.10".to_owned(), "1e2".to_owned()]
    {
        let message = Message { body, ..message(1) };
        let text = message.to_stored().to_string();
        let members: serde_json::Map<_, _> = serde_json::from_str(&text).expect("JSON");
        assert_eq!(Message::from_stored(&members), Ok(message));
    }
}

#[test]
fn what_waits_for_all_nodes_together_has_its_bound() {
    let mut outbox = Outbox::default();
    let large = |number| Message { body: "x".repeat(LONGEST_MESSAGE_BYTES), ..message(number) };
    let fit = u16::try_from(MOST_BYTES / LONGEST_MESSAGE_BYTES).expect("few");
    for number in 0..fit {
        let node = id(u8::try_from(number % 2).expect("small"));
        outbox.post(node, large(number)).expect("room");
    }
    assert_eq!(outbox.post(id(3), large(fit)), Err(OutboxRefusal::FullOfBytes));
    assert!(outbox.acknowledged(&id(0), &large(0).id));
    assert_eq!(outbox.post(id(3), large(fit)), Ok(()));
    assert_eq!(outbox.forget(&id(1)).len(), usize::from(fit / 2));
    assert_eq!(outbox.nodes().copied().collect::<Vec<_>>(), [id(0), id(3)]);
    assert_eq!(outbox.post(id(1), large(1)), Ok(()));
    outbox.give_up(NOW_MS + MESSAGE_LIFETIME_MS, 0);
    outbox.give_up(NOW_MS + MESSAGE_LIFETIME_MS, OLD_AT_LEAST_MS);
    assert_eq!((outbox.bytes, outbox.nodes().count()), (0, 0));
}

#[test]
fn a_sender_that_floods_takes_no_memory() {
    let mut inbox = Inbox::default();
    for number in 0..10_000 {
        assert_eq!(inbox.take(NOW_MS, id(1), &message(number)), Ok(Taken::New));
    }
    assert_eq!(inbox.take(NOW_MS, id(1), &message(9_999)), Ok(Taken::Before));
    assert_eq!(inbox.take(NOW_MS, id(2), &message(9_999)), Ok(Taken::New));
}

#[test]
fn a_message_for_which_there_was_no_room_is_new_when_it_comes_again() {
    let mut inbox = Inbox::default();
    for number in 0..3 {
        assert_eq!(inbox.take(NOW_MS, id(1), &message(number)), Ok(Taken::New));
    }
    inbox.give_back(&id(1), &message(2).id);
    inbox.give_back(&id(2), &message(1).id);
    assert_eq!(inbox.take(NOW_MS, id(1), &message(1)), Ok(Taken::Before));
    assert_eq!(inbox.take(NOW_MS, id(1), &message(2)), Ok(Taken::New));
    assert_eq!(inbox.take(NOW_MS, id(1), &message(2)), Ok(Taken::Before));
}

proptest! {
    /// Each step sends, loses the link, or delivers with or without its acknowledgement.
    #[test]
    fn every_message_is_taken_once_whatever_is_lost(
        steps in proptest::collection::vec(0..4_u8, 1..300),
    ) {
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        let (mut posted, mut taken) = (0, Vec::new());
        let mut wire: VecDeque<Message> = VecDeque::new();
        for step in steps.into_iter().chain([1; 2]).chain([2; 400]) {
            match step {
                0 => {
                    outbox.post(id(1), message(posted)).expect("room");
                    posted += 1;
                }
                1 => {
                    wire.clear();
                    outbox.link_made(&id(1));
                }
                _ => {
                    wire.extend(outbox.next(NOW_MS, &id(1)));
                    let Some(came) = wire.pop_front() else { continue };
                    if inbox.take(NOW_MS, id(2), &came) == Ok(Taken::New) {
                        taken.push(came.clone());
                    }
                    if step == 2 {
                        outbox.acknowledged(&id(1), &came.id);
                    }
                }
            }
        }
        prop_assert_eq!(outbox.waiting(&id(1)), 0);
        prop_assert_eq!(taken, (0..posted).map(message).collect::<Vec<_>>());
    }
}
