//! Names, values, calls with deadlines, bounded queues, and two nodes side by side.

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_otp::{Bounded, CallError, Name, Names, Slot, Strategy, SupervisorSpecification, call};
use tokio::sync::oneshot;

use crate::stage::{Cue, DEADLINE, Stage, within};

fn pair(stage: &Stage) -> SupervisorSpecification {
    SupervisorSpecification::new("root", Strategy::OneForOne).children(stage.players(&["a", "b"]))
}

#[tokio::test]
async fn the_newest_has_the_name_and_the_older_ones_end_does_not_take_it() {
    let stage = Stage::new();
    let _node = stage.start(pair(&stage)).await;
    let (a, b) = (stage.actor("a"), stage.actor("b"));
    stage.names.register("shared", &a);
    assert_eq!(stage.names.lookup::<Cue>("shared"), Some(a.clone()));
    stage.names.register("shared", &b);
    assert_eq!(stage.names.lookup::<Cue>("shared"), Some(b.clone()));
    stage.names.kill("a").unwrap();
    stage.restarted("a", 1).await;
    assert_eq!(stage.names.lookup::<Cue>("shared"), Some(b.clone()));
    let end = stage.names.monitor(&b);
    stage.names.kill("b").unwrap();
    within(end).await;
    assert_eq!(stage.names.lookup::<Cue>("shared"), None);
}

#[tokio::test]
async fn a_name_is_found_only_with_the_right_kind_of_message() {
    const RIGHT: Name<Cue> = Name::new("a");
    const WRONG: Name<String> = Name::new("a");
    let stage = Stage::new();
    let _node = stage.start(pair(&stage)).await;
    assert!(RIGHT.lookup(&stage.names).is_some());
    assert!(WRONG.lookup(&stage.names).is_none());
    assert_eq!(WRONG.cast(&stage.names, "hello".to_owned()), Err(CallError::Down));
    assert_eq!(RIGHT.call(&stage.names, Cue::Ping, DEADLINE).await, Ok(1));
}

#[tokio::test]
async fn a_value_lives_as_long_as_its_owner() {
    let stage = Stage::new();
    let _node = stage.start(pair(&stage)).await;
    let value = Arc::new(7_u64);
    let owner = stage.actor("a").get_cell();
    stage.names.publish(&owner, "configuration", Arc::clone(&value));
    assert_eq!(stage.names.value::<u64>("configuration"), Some(Arc::clone(&value)));
    assert_eq!(stage.names.value::<String>("configuration"), None);
    let below = |prefix| stage.names.values::<u64>(prefix);
    assert_eq!(below("conf"), [("configuration".to_owned(), Arc::new(7))]);
    assert_eq!(below("x"), []);
    let end = stage.names.monitor(&owner);
    stage.names.kill("a").unwrap();
    within(end).await;
    assert_eq!(below("conf"), []);
    assert_eq!(stage.names.value::<u64>("configuration"), None);
    assert_eq!(Arc::strong_count(&value), 1, "the table keeps nothing");
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_at_its_deadline() {
    let stage = Stage::new();
    let _node = stage.start(pair(&stage)).await;
    let deadline = Duration::from_secs(7);
    let before = tokio::time::Instant::now();
    assert_eq!(stage.names.call("a", Cue::Keep, deadline).await, Err(CallError::Deadline));
    assert_eq!(before.elapsed().as_secs(), 7);
    assert_eq!(call(&stage.actor("a"), Cue::Keep, deadline).await, Err(CallError::Deadline));
    assert_eq!(stage.names.call("nobody", Cue::Ping, deadline).await, Err(CallError::Down));
    assert_eq!(stage.ping("a").await, 1, "it still answers others");
}

#[tokio::test]
async fn two_nodes_live_in_one_process() {
    let (one, two) = (Stage::new(), Stage::new());
    let (first, second) = (one.start(pair(&one)).await, two.start(pair(&two)).await);
    assert_ne!(one.actor("a"), two.actor("a"));
    first.kill("a").unwrap();
    one.restarted("a", 1).await;
    assert_eq!(two.restarts("a"), 0);
    first.shutdown().await;
    assert_eq!(two.ping("a").await, 1);
    assert!(one.names.lookup::<Cue>("a").is_none());
    second.shutdown().await;
}

#[tokio::test]
async fn a_kill_needs_a_name_that_runs() {
    let stage = Stage::new();
    let node = stage.start(pair(&stage)).await;
    assert!(node.kill("nobody").is_err());
    assert!(node.kill("root/b").is_ok());
    stage.restarted("b", 1).await;
    assert_eq!(stage.restarts("a"), 0);
}

#[tokio::test]
async fn the_tree_answers_while_everybody_is_busy() {
    let stage = Stage::new();
    let _node = stage.start(pair(&stage)).await;
    let _held = (stage.hold("a").await, stage.hold("b").await);
    let tree = stage.names.tree().expect("no await, so nobody is asked");
    assert!(tree.walk().all(|actor| actor.state == refuge_otp::ChildState::Running));
}

/// Takes slots one at a time, when allowed.
#[derive(Default)]
struct Desk;

enum DeskMessage {
    Work(Slot, oneshot::Sender<()>, oneshot::Receiver<()>),
}

impl Actor for Desk {
    type Msg = DeskMessage;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<DeskMessage>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(
        &self,
        _: ActorRef<DeskMessage>,
        message: DeskMessage,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let DeskMessage::Work(slot, begun, release) = message;
        slot.taken();
        let _ = begun.send(());
        let _ = release.await;
        Ok(())
    }
}

#[tokio::test]
async fn a_full_queue_refuses_and_its_length_is_in_the_tree() {
    let stage = Stage::new();
    let desk = refuge_otp::worker::<Desk>(
        "desk",
        refuge_otp::Restart::Permanent,
        refuge_otp::Shutdown::Kill,
        |_| (),
    );
    let _node = stage.start(SupervisorSpecification::one_for_one("root").child(desk)).await;
    let mailbox = || stage.names.tree().unwrap().find("desk").unwrap().mailbox;
    assert_eq!(mailbox(), None, "nobody counts yet");
    let desk = Bounded::named(&stage.names, "desk", 2);
    let send = |begun, release| desk.try_send(|slot| DeskMessage::Work(slot, begun, release));
    let mut releases = Vec::new();
    let mut beginnings = Vec::new();
    let mut offer = || {
        let (begun, has_begun) = oneshot::channel();
        let (release, released) = oneshot::channel();
        releases.push(release);
        beginnings.push(has_begun);
        send(begun, released)
    };
    assert_eq!(offer(), Ok(()));
    stage.tree_when(|_| desk.waiting() == 0).await;
    assert_eq!([offer(), offer(), offer()], [Ok(()), Ok(()), Err(CallError::Overloaded)]);
    assert_eq!(mailbox(), Some(2));
    // One is done: the next is taken, and there is room.
    releases.remove(0);
    stage.tree_when(|_| desk.waiting() == 1).await;
    // Those that were queued when the actor dies no longer count.
    stage.names.kill("desk").unwrap();
    stage.restarted("desk", 1).await;
    stage.tree_when(|_| desk.waiting() == 0).await;
    assert_eq!(mailbox(), Some(0));
}

#[tokio::test]
async fn a_bounded_way_to_nobody_is_down_and_counts_nothing() {
    let names = Names::new("empty");
    let nobody: Bounded<DeskMessage> = Bounded::named(&names, "desk", 1);
    for _ in 0..3 {
        let (begun, release) = (oneshot::channel().0, oneshot::channel().1);
        let sent = nobody.try_send(|slot| DeskMessage::Work(slot, begun, release));
        assert_eq!(sent, Err(CallError::Down));
        assert_eq!(nobody.waiting(), 0);
    }
}

/// A measurement, run by hand with `--ignored --nocapture`: a lookup has to stay below 200 ns.
#[tokio::test]
#[ignore = "a measurement, not a test"]
async fn how_long_a_lookup_takes() {
    let stage = Stage::new();
    let _node = stage.start(pair(&stage)).await;
    let rounds = 1_000_000_u32;
    let before = std::time::Instant::now();
    for _ in 0..rounds {
        std::hint::black_box(stage.names.lookup::<Cue>(std::hint::black_box("a")));
    }
    println!("lookup {} ns", before.elapsed().as_nanos() / u128::from(rounds));
}
