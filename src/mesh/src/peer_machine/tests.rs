//! What a single machine says to single inputs; two machines together are in `tests/simulation`.

use super::*;
use crate::event::DownReason;
use crate::frame::{Hello, Welcome};

const HEARTBEAT: Frame = heartbeat(0, 1_000, 1_000);

const fn heartbeat(number: u64, every_ms: u64, asks_ms: u64) -> Frame {
    Frame::Heartbeat { number, pace: Pace { every_ms, asks_ms }, echo: None }
}

fn options(dialable: bool) -> PeerMachineOptions {
    PeerMachineOptions {
        us: NodeId::from_digest([1; 32]),
        peer: NodeId::from_digest([2; 32]),
        dialable,
        heartbeat_ms: 1_000,
        seed: 7,
        name: "anna".to_owned(),
        listening: Some(6984),
    }
}

fn hello(session: u64, dial: u64) -> Frame {
    Frame::Hello(Hello {
        node: NodeId::from_digest([2; 32]),
        version_max: 9,
        name: "bert".to_owned(),
        listening: None,
        session,
        dial,
        seen: None,
        heartbeat_ms: 1_000,
    })
}

fn welcome(session: u64) -> Frame {
    let (version, name, heartbeat_ms) = (1, String::new(), 1_000);
    Frame::Welcome(Welcome { version, name, session, heartbeat_ms, asks_reverse: false })
}

/// The same of a peer that asks for reverse paths.
fn welcome_of_one_that_asks() -> Frame {
    let Frame::Welcome(welcome) = welcome(5) else { panic!("a welcome") };
    Frame::Welcome(Welcome { asks_reverse: true, ..welcome })
}

/// A machine that was dialled by the peer at 0 and is up.
fn called() -> (PeerMachine, CarrierId) {
    let mut machine = PeerMachine::new(options(false));
    machine.start(0);
    let (carrier, _) = machine.accepted(0);
    machine.received(0, carrier, hello(5, 1));
    machine.received(0, carrier, HEARTBEAT);
    assert!(machine.is_up());
    (machine, carrier)
}

/// A machine that dialled the peer at 0 and is up.
fn calling() -> (PeerMachine, CarrierId) {
    let mut machine = PeerMachine::new(options(true));
    assert_eq!(machine.start(0), [Effect::Dial { carrier: 1 }]);
    machine.dialled(0, 1);
    machine.received(0, 1, welcome(5));
    assert!(machine.is_up());
    (machine, 1)
}

fn has_goodbye(effects: &[Effect], wanted: Goodbye) -> bool {
    effects.iter().any(
        |effect| matches!(effect, Effect::Send { frame: Frame::Goodbye(reason), .. } if *reason == wanted),
    )
}

#[test]
fn a_dial_leads_over_hello_and_welcome_to_up() {
    let mut machine = PeerMachine::new(options(true));
    assert_eq!(machine.start(0), [Effect::Dial { carrier: 1 }]);
    let effects = machine.dialled(40, 1);
    let [Effect::Send { carrier: 1, frame: Frame::Hello(hello) }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((hello.dial, hello.seen, hello.listening), (1, None, Some(6984)));
    let effects = machine.received(80, 1, welcome(5));
    assert_eq!(effects.first(), Some(&Effect::Up));
    assert!(matches!(effects[1], Effect::Send { frame: Frame::Heartbeat { number: 0, .. }, .. }));
    assert_eq!(effects[2..], [Effect::Reverse { carrier: 1 }]);
    assert_eq!(machine.next_wake(), Some(1_000));
}

#[test]
fn a_peer_that_asks_for_reverse_paths_gets_one_when_it_asks() {
    let mut machine = PeerMachine::new(options(true));
    machine.start(0);
    machine.dialled(0, 1);
    let effects = machine.received(0, 1, welcome_of_one_that_asks());
    assert_eq!(effects.first(), Some(&Effect::Up));
    assert!(!effects.contains(&Effect::Reverse { carrier: 1 }));
    assert_eq!(machine.received(5, 1, Frame::Reverse), [Effect::OneReverse { carrier: 1 }]);
    assert_eq!(machine.received(9, 1, Frame::Reverse), [Effect::OneReverse { carrier: 1 }]);
}

#[test]
fn a_reverse_path_is_asked_for_in_vain_over_a_link_that_the_peer_dialled() {
    let (mut machine, carrier) = called();
    assert_eq!(machine.received(5, carrier, Frame::Reverse), []);
    // And by one that has one ready.
    let (mut machine, carrier) = calling();
    assert_eq!(machine.received(5, carrier, Frame::Reverse), []);
}

#[test]
fn a_link_of_the_peer_is_up_when_it_knows_so_itself() {
    let mut machine = PeerMachine::new(options(false));
    assert_eq!(machine.start(0), []);
    let (carrier, effects) = machine.accepted(0);
    assert_eq!(effects, []);
    let effects = machine.received(10, carrier, hello(5, 1));
    assert!(matches!(effects[..], [Effect::Send { frame: Frame::Welcome(_), .. }]));
    assert!(!machine.is_up());
    let effects = machine.received(20, carrier, HEARTBEAT);
    assert_eq!(effects.first(), Some(&Effect::Up));
    assert!(!effects.contains(&Effect::Reverse { carrier }));
}

#[test]
fn a_hello_of_somebody_else_is_refused() {
    let mut machine = PeerMachine::new(options(false));
    let (carrier, _) = machine.accepted(0);
    let Frame::Hello(hello) = hello(5, 1) else { panic!("a hello") };
    let hello = Hello { node: NodeId::from_digest([3; 32]), ..hello };
    let effects = machine.received(0, carrier, Frame::Hello(hello));
    assert!(has_goodbye(&effects, Goodbye::Refused));
    assert_eq!(effects.last(), Some(&Effect::Close { carrier }));
}

#[test]
fn a_frame_before_hello_or_welcome_ends_the_carrier() {
    let mut machine = PeerMachine::new(options(false));
    let (carrier, _) = machine.accepted(0);
    assert_eq!(machine.received(0, carrier, Frame::Unknown), []);
    assert_eq!(machine.received(0, carrier, HEARTBEAT), [Effect::Close { carrier }]);
}

#[test]
fn a_carrier_on_which_nothing_happens_ends() {
    let mut machine = PeerMachine::new(options(false));
    let (carrier, _) = machine.accepted(0);
    assert_eq!(machine.next_wake(), Some(STEP_MS));
    assert_eq!(machine.elapsed(STEP_MS), [Effect::Close { carrier }]);
    assert_eq!(machine.next_wake(), None);
}

#[test]
fn waiting_strangers_are_bounded() {
    let mut machine = PeerMachine::new(options(false));
    for _ in 0..8 {
        assert_eq!(machine.accepted(0).1, []);
    }
    assert_eq!(machine.accepted(0).1, [Effect::Close { carrier: 1 }]);
}

#[test]
fn a_goodbye_is_a_down_at_once_and_the_next_dial_follows_soon() {
    let (mut machine, carrier) = calling();
    let effects = machine.received(60_000, carrier, Frame::Goodbye(Goodbye::Stopping));
    assert_eq!(effects, [Effect::Close { carrier }, Effect::Down { reason: DownReason::Closed }]);
    let due_ms = machine.next_wake().expect("a dial");
    assert!((60_125..=60_250).contains(&due_ms));
    assert_eq!(machine.elapsed(due_ms), [Effect::Dial { carrier: 2 }]);
}

#[test]
fn a_link_that_breaks_and_is_made_again_shows_nowhere() {
    let (mut machine, carrier) = calling();
    assert_eq!(machine.closed(500, carrier), []);
    assert!(machine.is_up());
    let due_ms = machine.next_wake().expect("a dial");
    assert_eq!(machine.elapsed(due_ms), [Effect::Dial { carrier: 2 }]);
    machine.dialled(due_ms, 2);
    let effects = machine.received(due_ms, 2, welcome(5));
    assert!(!effects.contains(&Effect::Up) && effects.contains(&Effect::Reverse { carrier: 2 }));
}

#[test]
fn a_link_that_breaks_and_stays_broken_is_down_after_a_second() {
    let (mut machine, carrier) = called();
    assert_eq!(machine.closed(500, carrier), []);
    assert_eq!(machine.next_wake(), Some(1_500));
    assert_eq!(machine.elapsed(1_500), [Effect::Down { reason: DownReason::Closed }]);
}

#[test]
fn another_life_of_the_peer_is_a_down_and_an_up() {
    let (mut machine, carrier) = called();
    let (fresh, _) = machine.accepted(100);
    let effects = machine.received(100, fresh, hello(6, 1));
    assert!(effects.contains(&Effect::Down { reason: DownReason::Closed }));
    assert!(effects.contains(&Effect::Close { carrier }));
    assert_eq!(machine.received(110, fresh, HEARTBEAT).first(), Some(&Effect::Up));
    // What the former life sent may still be on its way.
    let (late, _) = machine.accepted(120);
    assert_eq!(machine.received(120, late, hello(5, 9)), [Effect::Close { carrier: late }]);
}

#[test]
fn a_silent_peer_is_probed_and_then_down() {
    let (mut machine, carrier) = calling();
    let mut effects = Vec::new();
    while machine.is_up() {
        let now_ms = machine.next_wake().expect("something is due");
        effects.extend(machine.elapsed(now_ms).into_iter().map(|effect| (now_ms, effect)));
    }
    let dials = effects.iter().filter(|(_, effect)| matches!(effect, Effect::Dial { .. }));
    assert_eq!(dials.map(|(now_ms, _)| *now_ms).collect::<Vec<_>>(), [2_351, 3_351]);
    let probe = Effect::Send { carrier, frame: Frame::Probe { dial: false } };
    assert!(effects.contains(&(2_351, probe)));
    assert!(effects.contains(&(4_319, Effect::Down { reason: DownReason::Timeout })));
}

#[test]
fn a_silent_peer_that_cannot_be_dialled_is_asked_to_dial() {
    let (mut machine, carrier) = called();
    machine.elapsed(2_000);
    let effects = machine.elapsed(2_351);
    assert_eq!(effects, [Effect::Send { carrier, frame: Frame::Probe { dial: true } }]);
    machine.elapsed(4_600);
    assert!(machine.is_up());
    let effects = machine.elapsed(4_619);
    assert!(effects.contains(&Effect::Down { reason: DownReason::Timeout }));
}

#[test]
fn a_byte_in_time_ends_the_suspicion_and_the_probe() {
    let (mut machine, carrier) = calling();
    assert!(machine.elapsed(2_351).contains(&Effect::Dial { carrier: 2 }));
    assert_eq!(machine.heard(2_400, carrier), [Effect::Close { carrier: 2 }]);
    assert_eq!(machine.state(2_400).standing, Standing::Up);
}

#[test]
fn after_a_sleep_of_its_own_the_node_probes_before_it_judges() {
    let (mut machine, _) = calling();
    let effects = machine.elapsed(3_600_000);
    assert!(machine.is_up() && effects.contains(&Effect::Dial { carrier: 2 }));
    machine.dialled(3_600_050, 2);
    let effects = machine.received(3_600_090, 2, welcome(5));
    assert!(has_goodbye(&effects, Goodbye::Superseded));
    assert_eq!(machine.state(3_600_090).standing, Standing::Up);
}

#[test]
fn asked_to_dial_it_dials_once_and_answers_at_once() {
    let (mut machine, carrier) = calling();
    for now_ms in [100, 200, 300] {
        let effects = machine.received(now_ms, carrier, Frame::Probe { dial: true });
        assert!(matches!(effects[0], Effect::Send { frame: Frame::Heartbeat { .. }, .. }));
        assert_eq!(effects.contains(&Effect::Dial { carrier: 2 }), now_ms == 100);
    }
}

#[test]
fn a_revoked_peer_is_told_and_never_linked_again() {
    let (mut machine, carrier) = calling();
    let effects = machine.distrusted(10);
    assert!(has_goodbye(&effects, Goodbye::Revoked));
    assert_eq!(
        effects[1..],
        [Effect::Close { carrier }, Effect::Down { reason: DownReason::Revoked }]
    );
    let (late, effects) = machine.accepted(20);
    assert_eq!(effects, [Effect::Close { carrier: late }]);
    assert_eq!((machine.set_dialable(30, true), machine.next_wake()), (vec![], None));
}

#[test]
fn new_addresses_are_tried_at_once() {
    let mut machine = PeerMachine::new(options(false));
    assert_eq!((machine.start(0), machine.next_wake()), (vec![], None));
    assert_eq!(machine.set_dialable(5, true), [Effect::Dial { carrier: 1 }]);
    assert_eq!(machine.set_dialable(6, true), [Effect::Dial { carrier: 2 }]);
    assert_eq!(
        machine.set_dialable(7, false),
        [Effect::Close { carrier: 1 }, Effect::Close { carrier: 2 }]
    );
}

#[test]
fn a_peer_that_comes_and_goes_is_not_told_each_time() {
    let mut machine = PeerMachine::new(options(false));
    let (mut ups, mut downs, mut now_ms) = (0, 0, 0);
    for life in 0..100 {
        let (carrier, _) = machine.accepted(now_ms);
        let mut effects = machine.received(now_ms, carrier, hello(life, 1));
        effects.extend(machine.received(now_ms, carrier, HEARTBEAT));
        now_ms += 1_000;
        effects.extend(machine.received(now_ms, carrier, Frame::Goodbye(Goodbye::Stopping)));
        ups += effects.iter().filter(|effect| **effect == Effect::Up).count();
        downs += effects.iter().filter(|effect| matches!(effect, Effect::Down { .. })).count();
    }
    assert_eq!(ups, downs);
    assert!(ups < 20, "{ups}");
    // Once it stays it is told up.
    let (carrier, _) = machine.accepted(now_ms);
    machine.received(now_ms, carrier, hello(1_000, 1));
    machine.received(now_ms, carrier, HEARTBEAT);
    let until_ms = now_ms + 60_000;
    while now_ms < until_ms {
        now_ms += 1_000;
        machine.heard(now_ms, carrier);
    }
    assert!(machine.is_up());
}

#[test]
fn its_heartbeats_keep_the_promise_when_they_become_slower() {
    let (mut machine, carrier) = calling();
    machine.set_heartbeat(500, 5_000);
    assert_eq!(machine.next_wake(), Some(1_000));
    let effects = machine.elapsed(1_000);
    let slower = heartbeat(1, 5_000, 5_000);
    assert_eq!(effects, [Effect::Send { carrier, frame: slower }]);
}

/// Of the heartbeats that are sent.
fn paces(effects: &[Effect]) -> Vec<Pace> {
    let pace = |effect: &Effect| match effect {
        Effect::Send { frame: Frame::Heartbeat { pace, .. }, .. } => Some(*pace),
        _ => None,
    };
    effects.iter().filter_map(pace).collect()
}

#[test]
fn a_peer_with_many_links_is_heard_as_rarely_as_it_asks_and_no_more_rarely() {
    let (mut machine, carrier) = calling();
    machine.received(500, carrier, heartbeat(0, 7_000, 7_000));
    // What was promised is kept; the slower one's pace holds from there on, and what is asked for stays.
    assert_eq!(paces(&machine.elapsed(1_000)), [Pace { every_ms: 7_000, asks_ms: 1_000 }]);
    assert_eq!(machine.next_wake(), Some(8_000));
    // Its links became few. That it beats slowly for our sake alone says nothing of what it asks for.
    machine.set_heartbeat(7_500, 3_000);
    machine.received(7_600, carrier, heartbeat(1, 3_000, 1_000));
    assert_eq!(paces(&machine.elapsed(8_000)), [Pace { every_ms: 3_000, asks_ms: 3_000 }]);
}

#[test]
fn a_pace_that_becomes_faster_holds_at_once() {
    let (mut machine, carrier) = calling();
    machine.set_heartbeat(0, 60_000);
    machine.elapsed(1_000);
    machine.received(1_500, carrier, heartbeat(0, 60_000, 60_000));
    machine.received(20_000, carrier, heartbeat(1, 1_000, 1_000));
    assert_eq!(machine.set_heartbeat(20_100, 1_000), []);
    assert_eq!(machine.next_wake(), Some(21_000));
    assert_eq!(paces(&machine.elapsed(21_000)), [Pace { every_ms: 1_000, asks_ms: 1_000 }]);
}

#[test]
fn a_hello_beside_a_link_that_beats_slowly_makes_it_no_suspect() {
    let (mut machine, carrier) = called();
    machine.received(500, carrier, heartbeat(0, 60_000, 60_000));
    let (second, _) = machine.accepted(30_000);
    machine.received(30_000, second, hello(5, 2));
    machine.elapsed(32_500);
    assert_eq!(machine.state(32_500).standing, Standing::Up);
}

#[test]
fn a_peer_that_asks_for_silence_is_heard_once_a_minute_nevertheless() {
    let (mut machine, carrier) = calling();
    machine.received(500, carrier, heartbeat(0, 1_000, u64::MAX));
    assert_eq!(paces(&machine.elapsed(1_000)), [Pace { every_ms: 60_000, asks_ms: 1_000 }]);
}

#[test]
fn the_state_is_written_as_json() {
    let (machine, _) = calling();
    let shown = serde_json::to_value(machine.state(500)).expect("a value");
    assert_eq!(shown["standing"], "up");
    assert_eq!(shown["carriers"][0]["stage"], "live");
}
