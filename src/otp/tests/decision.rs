//! The decision as a table, and its properties against a small model.
#![allow(clippy::indexing_slicing, reason = "a test may panic")]

use std::time::Duration;

use proptest::prelude::*;
use proptest::strategy::Strategy as _;
use refuge_otp::Action::{GiveUp, Leave, Park, Start, Stop};
use refuge_otp::Restart::{Permanent, Temporary, Transient};
use refuge_otp::Strategy::{Dynamic, OneForAll, OneForOne, RestForOne};
use refuge_otp::{Action, ChildView, Event, ExitKind, Restart, Situation, Strategy, decide};

const PERIOD: Duration = Duration::from_secs(60);

fn up(restart: Restart) -> ChildView {
    ChildView { restart, running: true, parks: false }
}

fn down(restart: Restart) -> ChildView {
    ChildView { running: false, ..up(restart) }
}

fn parking() -> ChildView {
    ChildView { parks: true, ..down(Permanent) }
}

fn exit(child: usize, how: ExitKind) -> Event {
    Event::Exited { child, how }
}

fn actions(strategy: Strategy, children: &[ChildView], event: Event) -> Vec<Action> {
    let now = Duration::from_secs(100);
    let situation =
        Situation { strategy, intensity: 3, period: PERIOD, children, failures: &[], now };
    decide(&situation, event).actions
}

#[test]
fn the_table() {
    use ExitKind::{Abnormal, GaveUp, Normal};
    let three = [up(Permanent), down(Permanent), up(Permanent)];
    let with_temporary = [up(Temporary), down(Permanent), up(Temporary), up(Transient)];
    let transient = [down(Transient), down(Transient), up(Permanent)];
    let parks = [up(Permanent), parking(), up(Permanent), up(Temporary)];
    let table: &[(Strategy, &[ChildView], Event, &[Action])] = &[
        // Who else restarts.
        (OneForOne, &three, exit(1, Abnormal), &[Start(1)]),
        (Dynamic, &three, exit(1, Abnormal), &[Start(1)]),
        (RestForOne, &three, exit(1, Abnormal), &[Stop(2), Start(1), Start(2)]),
        (OneForAll, &three, exit(1, Abnormal), &[Stop(2), Stop(0), Start(0), Start(1), Start(2)]),
        // A permanent child restarts after a normal end too.
        (OneForOne, &three, exit(1, Normal), &[Start(1)]),
        // A transient one does not, unless it failed.
        (OneForAll, &transient, exit(0, Normal), &[Leave(0)]),
        (OneForOne, &transient, exit(0, Abnormal), &[Start(0)]),
        (OneForOne, &transient, Event::StartFailed { child: 0 }, &[Start(0)]),
        // With its group it comes back even after a normal end, as in OTP.
        (OneForAll, &transient, exit(0, Abnormal), &[Stop(2), Start(0), Start(1), Start(2)]),
        // Temporary ones never come back, and take nobody with them.
        (OneForAll, &[down(Temporary), up(Permanent)], exit(0, Abnormal), &[Leave(0)]),
        (
            OneForAll,
            &with_temporary,
            exit(1, Abnormal),
            &[Stop(3), Stop(2), Leave(2), Stop(0), Leave(0), Start(1), Start(3)],
        ),
        (
            RestForOne,
            &with_temporary,
            exit(1, Abnormal),
            &[Stop(3), Stop(2), Leave(2), Start(1), Start(3)],
        ),
        // A failed start in the middle of a restart.
        (RestForOne, &three, Event::StartFailed { child: 1 }, &[Stop(2), Start(1), Start(2)]),
        (
            OneForAll,
            &[up(Permanent), down(Permanent), down(Permanent)],
            Event::StartFailed { child: 1 },
            &[Stop(0), Start(0), Start(1), Start(2)],
        ),
        // Parking: only when its own supervisor gave up or it does not start.
        (RestForOne, &parks, exit(1, GaveUp), &[Stop(3), Leave(3), Stop(2), Park(1)]),
        (OneForOne, &parks, exit(1, GaveUp), &[Park(1)]),
        (
            RestForOne,
            &parks,
            Event::StartFailed { child: 1 },
            &[Stop(3), Leave(3), Stop(2), Park(1)],
        ),
        (OneForOne, &parks, exit(1, Abnormal), &[Start(1)]),
        (OneForOne, &three, exit(1, GaveUp), &[Start(1)]),
        // An index that is not there.
        (OneForOne, &three, exit(9, Abnormal), &[]),
    ];
    for (strategy, children, event, expected) in table {
        assert_eq!(
            &actions(*strategy, children, *event),
            expected,
            "{strategy:?} {event:?} {children:?}"
        );
    }
}

#[test]
fn the_window_slides() {
    let children = [down(Permanent)];
    let second = Duration::from_secs;
    let mut failures = Vec::new();
    let mut gave_up = Vec::new();
    for now in [0, 1, 2, 62, 63, 64, 65] {
        let situation = Situation {
            strategy: OneForOne,
            intensity: 3,
            period: PERIOD,
            children: &children,
            failures: &failures,
            now: second(now),
        };
        let decision = decide(&situation, exit(0, ExitKind::Abnormal));
        gave_up.push(decision.actions == [GiveUp]);
        failures = decision.failures;
    }
    // A restart exactly one period ago still counts.
    assert_eq!(gave_up, [false, false, false, false, false, false, true]);
    assert_eq!(failures, [second(62), second(63), second(64), second(65)]);
}

#[test]
fn what_is_not_restarted_is_not_counted() {
    let children = [down(Temporary), parking()];
    for event in [exit(0, ExitKind::Abnormal), exit(1, ExitKind::GaveUp)] {
        let situation = Situation {
            strategy: OneForOne,
            intensity: 0,
            period: PERIOD,
            children: &children,
            failures: &[],
            now: PERIOD,
        };
        let decision = decide(&situation, event);
        assert!(decision.failures.is_empty());
        assert!(!decision.actions.contains(&GiveUp));
    }
}

fn any_restart() -> impl proptest::strategy::Strategy<Value = Restart> {
    prop_oneof![Just(Permanent), Just(Transient), Just(Temporary)]
}

fn any_strategy() -> impl proptest::strategy::Strategy<Value = Strategy> {
    prop_oneof![Just(OneForOne), Just(OneForAll), Just(RestForOne), Just(Dynamic)]
}

fn any_child() -> impl proptest::strategy::Strategy<Value = ChildView> {
    (any_restart(), any::<bool>()).prop_map(|(restart, running)| ChildView {
        restart,
        running,
        parks: false,
    })
}

proptest! {
    /// Played on a model of running children, a decision leaves exactly the right ones running, never
    /// stops one that is down, never starts one that runs, stops in reverse and starts in order.
    #[test]
    fn a_decision_leaves_the_right_children_running(
        strategy in any_strategy(),
        mut children in proptest::collection::vec(any_child(), 1..8),
        chosen in any::<proptest::sample::Index>(),
        normal in any::<bool>(),
    ) {
        let child = chosen.index(children.len());
        children[child].running = false;
        let how = if normal { ExitKind::Normal } else { ExitKind::Abnormal };
        let before: Vec<bool> = children.iter().map(|view| view.running).collect();
        let mut running = before.clone();
        let (mut stopped, mut started) = (Vec::new(), Vec::new());
        for action in actions(strategy, &children, exit(child, how)) {
            match action {
                Stop(index) => {
                    prop_assert!(running[index] && started.is_empty());
                    running[index] = false;
                    stopped.push(index);
                }
                Start(index) => {
                    prop_assert!(!running[index]);
                    running[index] = true;
                    started.push(index);
                }
                Leave(index) => prop_assert!(!running[index]),
                Park(_) | GiveUp => prop_assert!(false, "nothing parks or gives up here"),
            }
        }
        prop_assert!(stopped.is_sorted_by(|left, right| left > right));
        prop_assert!(started.is_sorted_by(|left, right| left < right));
        let restarts = match children[child].restart {
            Permanent => true,
            Transient => !normal,
            Temporary => false,
        };
        for (index, view) in children.iter().enumerate() {
            let concerned = restarts && match strategy {
                OneForOne | Dynamic => index == child,
                OneForAll => true,
                RestForOne => index >= child,
            };
            let expected = if concerned { view.restart != Temporary } else { before[index] };
            prop_assert_eq!(running[index], expected, "child {}", index);
        }
    }

    /// It gives up exactly when more than `intensity` restarts lie in some window of `period`.
    #[test]
    fn it_gives_up_exactly_past_the_intensity(
        intensity in 0_u32..6,
        period in 1_u64..50,
        gaps in proptest::collection::vec(0_u64..30, 1..30),
    ) {
        let children = [down(Permanent)];
        let mut moments: Vec<u64> = Vec::new();
        let mut failures = Vec::new();
        let mut now = 0;
        for gap in gaps {
            now += gap;
            moments.push(now);
            let situation = Situation {
                strategy: OneForOne,
                intensity,
                period: Duration::from_secs(period),
                children: &children,
                failures: &failures,
                now: Duration::from_secs(now),
            };
            let decision = decide(&situation, exit(0, ExitKind::Abnormal));
            let in_window = moments.iter().filter(|moment| now - **moment <= period).count();
            prop_assert_eq!(decision.actions == [GiveUp], in_window > intensity as usize);
            if decision.actions == [GiveUp] {
                return Ok(());
            }
            failures = decision.failures;
        }
    }
}
