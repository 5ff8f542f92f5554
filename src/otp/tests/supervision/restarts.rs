//! Restarting: who, how often, and not before the old incarnation is gone with all below it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use refuge_otp::{
    CallError, ChildState, DynamicSupervisor, End, Exit, Strategy, SupervisorSpecification, call,
    supervisor,
};
use tokio::sync::oneshot;

use crate::stage::{Cue, DEADLINE, Stage, only, within};

fn three(stage: &Stage, strategy: Strategy) -> SupervisorSpecification {
    SupervisorSpecification::new("root", strategy).children(stage.players(&["a", "b", "c"]))
}

#[tokio::test]
async fn an_error_ends_an_actor_without_post_stop_and_it_is_restarted() {
    let mut stage = Stage::new();
    let node = stage.start(three(&stage, Strategy::OneForOne)).await;
    stage.heard();
    let end = stage.names.monitor(&stage.actor("b"));
    stage.tell("b", Cue::Fail("the disk is full"));
    assert_eq!(within(end).await, Exit::Failed("the disk is full".to_owned()));
    assert_eq!(stage.until("start b").await, ["gone b", "start b"]);
    stage.restarted("b", 1).await;
    assert_eq!(stage.ping("b").await, 2);
    assert_eq!(stage.ping("a").await, 1);
    node.shutdown().await;
}

#[tokio::test]
async fn a_panic_is_a_failure_like_any_other() {
    let mut stage = Stage::new();
    let _node = stage.start(three(&stage, Strategy::OneForOne)).await;
    stage.heard();
    let end = stage.names.monitor(&stage.actor("b"));
    stage.tell("b", Cue::Panic("index out of bounds"));
    assert_eq!(within(end).await, Exit::Failed("panicked: index out of bounds".to_owned()));
    assert_eq!(stage.until("start b").await, ["gone b", "start b"]);
}

#[tokio::test]
async fn messages_queued_at_a_failure_are_lost_and_their_callers_hear_of_it() {
    let stage = Stage::new();
    let _node = stage.start(three(&stage, Strategy::OneForOne)).await;
    let release = stage.hold("b").await;
    let old = stage.actor("b");
    stage.tell("b", Cue::Fail("first"));
    let caller = old.clone();
    let both = tokio::spawn(async move {
        let queued = call(&caller, Cue::Ping, DEADLINE);
        let kept = call(&caller, Cue::Keep, DEADLINE);
        tokio::join!(queued, kept)
    });
    // The calls are made at the first poll.
    tokio::task::yield_now().await;
    drop(release);
    assert_eq!(within(both).await.unwrap(), (Err(CallError::Down), Err(CallError::Down)));
    stage.restarted("b", 1).await;
    // A reference from before the restart stays dead; the name leads to the new one.
    assert_eq!(call(&old, Cue::Ping, DEADLINE).await, Err(CallError::Down));
    assert_eq!(stage.ping("b").await, 2);
}

#[tokio::test]
async fn a_failure_right_after_the_start_is_a_failure() {
    let stage = Stage::new();
    stage.script("b").fails_after_start.store(2, Ordering::SeqCst);
    let _node = stage.start(three(&stage, Strategy::OneForOne)).await;
    stage.restarted("b", 2).await;
    assert_eq!(stage.ping("b").await, 3);
}

#[tokio::test]
async fn one_for_one_restarts_the_one() {
    let stage = Stage::new();
    let _node = stage.start(three(&stage, Strategy::OneForOne)).await;
    stage.names.kill("b").unwrap();
    stage.restarted("b", 1).await;
    assert_eq!((stage.restarts("a"), stage.restarts("c")), (0, 0));
}

#[tokio::test]
async fn rest_for_one_stops_the_later_in_reverse_and_starts_them_in_order() {
    let mut stage = Stage::new();
    let tree = three(&stage, Strategy::RestForOne).child(stage.player("d"));
    let _node = stage.start(tree).await;
    stage.heard();
    stage.names.kill("b").unwrap();
    let expected =
        ["gone b", "stop d", "gone d", "stop c", "gone c", "start b", "start c", "start d"];
    assert_eq!(stage.until("start d").await, expected);
    stage.restarted("d", 1).await;
    assert_eq!((stage.restarts("a"), stage.restarts("b"), stage.restarts("c")), (0, 1, 1));
}

#[tokio::test]
async fn one_for_all_restarts_all_even_when_a_sibling_is_busy() {
    let mut stage = Stage::new();
    let _node = stage.start(three(&stage, Strategy::OneForAll)).await;
    let release = stage.hold("c").await;
    stage.heard();
    stage.names.kill("a").unwrap();
    stage.until("gone a").await;
    assert!(stage.heard().is_empty(), "nothing starts before the busy one has stopped");
    drop(release);
    let expected = ["stop c", "gone c", "stop b", "gone b", "start a", "start b", "start c"];
    assert_eq!(stage.until("start c").await, expected);
}

#[tokio::test]
async fn two_that_fail_together_count_as_one_restart() {
    let stage = Stage::new();
    let tree = three(&stage, Strategy::OneForAll).intensity(1, Duration::from_secs(60));
    let _node = stage.start(tree).await;
    for name in ["a", "b", "c"] {
        stage.names.kill(name).unwrap();
    }
    for name in ["a", "b", "c"] {
        stage.restarted(name, 1).await;
        assert_eq!(stage.ping(name).await, 2);
    }
}

#[tokio::test]
async fn a_transient_child_restarts_after_a_failure_only() {
    let mut stage = Stage::new();
    let tree = SupervisorSpecification::one_for_one("root").child(stage.player("a").transient());
    let _node = stage.start(tree).await;
    stage.tell("a", Cue::Fail("once"));
    stage.restarted("a", 1).await;
    stage.heard();
    stage.tell("a", Cue::Stop);
    stage.until("gone a").await;
    let tree = stage.tree_when(|tree| tree.children[0].state == ChildState::Stopped).await;
    assert_eq!(tree.children[0].restarts, 1);
}

#[tokio::test]
async fn a_temporary_child_never_restarts() {
    let mut stage = Stage::new();
    let tree = SupervisorSpecification::one_for_all("root")
        .child(stage.player("a"))
        .child(stage.player("b").temporary());
    let _node = stage.start(tree).await;
    stage.names.kill("b").unwrap();
    stage.tree_when(|tree| tree.children[1].state == ChildState::Stopped).await;
    assert_eq!(stage.ping("a").await, 1);
    stage.names.kill("a").unwrap();
    stage.restarted("a", 1).await;
    assert_eq!(only("start", &stage.heard()), ["a", "b", "a"]);
}

#[tokio::test]
async fn too_many_failures_end_the_supervisor_in_order_and_its_parent_restarts_it() {
    let mut stage = Stage::new();
    let inner = SupervisorSpecification::one_for_one("inner")
        .intensity(2, Duration::from_secs(60))
        .children(stage.players(&["b", "c"]));
    let tree = SupervisorSpecification::one_for_one("root")
        .child(stage.player("a"))
        .child(supervisor(inner));
    let _node = stage.start(tree).await;
    for failure in 1..=2 {
        stage.tell("c", Cue::Fail("again"));
        stage.restarted("c", failure).await;
    }
    stage.heard();
    stage.tell("c", Cue::Fail("once too often"));
    let heard = stage.until("start c").await;
    assert_eq!(heard, ["gone c", "stop b", "gone b", "start b", "start c"]);
    stage.restarted("inner", 1).await;
    assert_eq!((stage.restarts("b"), stage.restarts("c"), stage.restarts("a")), (1, 3, 0));
}

#[tokio::test]
async fn too_many_failures_at_the_root_end_the_node_with_the_reason() {
    let mut stage = Stage::new();
    let tree = three(&stage, Strategy::OneForOne).intensity(0, Duration::from_secs(60));
    let node = stage.start(tree).await;
    stage.heard();
    stage.tell("b", Cue::Fail("the last straw"));
    let End::IntensityReached(reason) = within(node.wait()).await else {
        panic!("it ended otherwise");
    };
    assert!(reason.contains("the last straw"), "{reason}");
    assert_eq!(stage.heard(), ["gone b", "stop c", "gone c", "stop a", "gone a"]);
}

#[tokio::test]
async fn a_failed_start_in_a_restart_counts() {
    let stage = Stage::new();
    let tree = three(&stage, Strategy::RestForOne).intensity(3, Duration::from_secs(60));
    let node = stage.start(tree).await;
    stage.script("c").failing_starts.store(2, Ordering::SeqCst);
    stage.names.kill("b").unwrap();
    stage.restarted("c", 1).await;
    assert_eq!(stage.restarts("b"), 1, "only what did not start is tried again");
    // One for b and two for c: the next is the fourth.
    stage.names.kill("a").unwrap();
    assert!(matches!(within(node.wait()).await, End::IntensityReached(_)));
}

#[tokio::test]
async fn a_killed_supervisor_takes_its_children_down_and_its_parent_restarts_all() {
    let mut stage = Stage::new();
    let inner = SupervisorSpecification::one_for_one("inner").children(stage.players(&["b", "c"]));
    let dynamic = SupervisorSpecification::dynamic("guests");
    let tree = SupervisorSpecification::rest_for_one("root")
        .child(stage.player("a"))
        .child(supervisor(inner.child(supervisor(dynamic))))
        .child(stage.player("d"));
    let node = stage.start(tree).await;
    let guests = DynamicSupervisor::new(&stage.names, "guests");
    guests.start_child(stage.player("guest").temporary()).await.unwrap();
    stage.heard();
    node.kill("root/inner").unwrap();
    let heard = stage.until("start d").await;
    // Killed, so without post_stop; all gone before the first of them starts again.
    let first_start = heard.iter().position(|event| event.starts_with("start")).unwrap();
    for gone in ["gone b", "gone c", "gone guest", "stop d", "gone d"] {
        assert!(heard[..first_start].contains(&gone.to_owned()), "{gone} in {heard:?}");
    }
    assert_eq!(only("start", &heard), ["b", "c", "d"]);
    stage.restarted("d", 1).await;
    let tree = stage.names.tree().unwrap();
    assert!(tree.find("guest").is_none(), "who was added does not come back");
    for name in ["inner", "b", "c", "guests", "d"] {
        assert_eq!(tree.find(name).unwrap().restarts, 1, "{name}");
    }
    assert_eq!(tree.find("a").unwrap().restarts, 0);
}

#[tokio::test]
async fn children_that_come_to_life_while_their_supervisor_is_killed_do_not_stay() {
    let mut stage = Stage::new();
    let inner = SupervisorSpecification::one_for_all("inner").children(stage.players(&["b", "c"]));
    let tree = SupervisorSpecification::one_for_one("root").child(supervisor(inner));
    let node = stage.start(tree).await;
    // The supervisor is in the middle of a restart: b runs again, c is being started.
    stage.script("c").hanging_starts.store(1, Ordering::SeqCst);
    stage.names.kill("b").unwrap();
    stage.until("gone c").await;
    stage.until("start c").await;
    node.kill("inner").unwrap();
    stage.until("start c").await;
    stage.restarted("inner", 1).await;
    assert!(only("locked out", &stage.heard()).is_empty());
    assert_eq!(stage.ping("c").await, 2);
    assert_eq!(stage.ping("b").await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_waits_for_a_grandchild_that_still_runs() {
    let mut stage = Stage::new();
    let inner = SupervisorSpecification::one_for_one("inner").children(stage.players(&["b"]));
    let tree = SupervisorSpecification::one_for_one("root").child(supervisor(inner));
    let node = stage.start(tree).await;
    let (begun, has_begun) = oneshot::channel();
    let (release, released) = std::sync::mpsc::channel();
    stage.tell("b", Cue::Block(begun, released));
    within(has_begun).await.unwrap();
    stage.heard();
    let inner_gone =
        stage.names.monitor(&stage.names.lookup::<refuge_otp::SupervisorMessage>("inner").unwrap());
    node.kill("inner").unwrap();
    // A kill acts at the next await, so the grandchild outlives its supervisor for now.
    assert_eq!(within(inner_gone).await, Exit::Killed);
    assert!(stage.heard().is_empty());
    release.send(()).unwrap();
    assert_eq!(stage.until("start b").await, ["gone b", "start b"]);
    stage.restarted("inner", 1).await;
}

#[tokio::test]
async fn a_normal_stop_frees_what_the_state_held_before_the_next_start() {
    let mut stage = Stage::new();
    let _node = stage.start(three(&stage, Strategy::OneForAll)).await;
    for round in 1..=4 {
        stage.tell("b", Cue::Stop);
        for name in ["a", "b", "c"] {
            stage.restarted(name, round).await;
        }
    }
    assert!(only("locked out", &stage.heard()).is_empty());
}

#[tokio::test]
async fn an_actors_own_supervision_events_reach_it() {
    use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
    #[derive(Default)]
    struct Owner;
    struct Owned;
    impl Actor for Owned {
        type Msg = ();
        type State = ();
        type Arguments = ();
        async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }
    }
    impl Actor for Owner {
        type Msg = ();
        type State = oneshot::Sender<()>;
        type Arguments = oneshot::Sender<()>;
        async fn pre_start(
            &self,
            myself: ActorRef<()>,
            heard: oneshot::Sender<()>,
        ) -> Result<oneshot::Sender<()>, ActorProcessingErr> {
            let (owned, _) = Actor::spawn_linked(None, Owned, (), myself.get_cell()).await?;
            owned.kill();
            Ok(heard)
        }
        async fn handle_supervisor_evt(
            &self,
            myself: ActorRef<()>,
            event: SupervisionEvent,
            heard: &mut oneshot::Sender<()>,
        ) -> Result<(), ActorProcessingErr> {
            if let SupervisionEvent::ActorTerminated(..) = event {
                let (unused, _) = oneshot::channel();
                let _ = std::mem::replace(heard, unused).send(());
                myself.stop(None);
            }
            Ok(())
        }
    }
    let stage = Stage::new();
    let (sender, heard) = oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let owner = refuge_otp::worker::<Owner>(
        "owner",
        refuge_otp::Restart::Temporary,
        refuge_otp::Shutdown::Kill,
        move |_| sender.lock().unwrap().take().unwrap(),
    );
    let _node = stage.start(SupervisorSpecification::one_for_one("root").child(owner)).await;
    within(heard).await.expect("the owner hears of its own child");
}

#[tokio::test]
async fn a_start_does_not_wait_for_a_sibling_that_ended_meanwhile() {
    let mut stage = Stage::new();
    let _node = stage.start(three(&stage, Strategy::RestForOne)).await;
    stage.script("c").hanging_starts.store(1, Ordering::SeqCst);
    stage.heard();
    stage.names.kill("c").unwrap();
    assert_eq!(stage.until("start c").await, ["gone c", "start c"]);
    stage.names.kill("a").unwrap();
    let expected = ["gone a", "stop b", "gone b", "start a", "start b", "start c"];
    assert_eq!(stage.until("start c").await, expected);
    stage.restarted("c", 1).await;
    assert_eq!((stage.restarts("a"), stage.restarts("b")), (1, 1));
}
