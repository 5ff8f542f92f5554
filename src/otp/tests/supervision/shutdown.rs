//! Stopping: in reverse, each child within its budget, whatever the tree is doing.

use std::sync::atomic::Ordering;
use std::time::Duration;

use refuge_otp::{DynamicSupervisor, End, Shutdown, SupervisorSpecification, supervisor};
use tokio::time::Instant;

use crate::stage::{BUDGET, Cue, Stage, within};

fn three(stage: &Stage) -> SupervisorSpecification {
    SupervisorSpecification::one_for_one("root").children(stage.players(&["a", "b", "c"]))
}

#[tokio::test(start_paused = true)]
async fn a_child_that_hangs_is_killed_after_its_budget_and_the_others_still_stop_in_order() {
    let mut stage = Stage::new();
    stage.script("b").hangs_in_post_stop.store(true, Ordering::SeqCst);
    let node = stage.start(three(&stage)).await;
    stage.heard();
    let before = Instant::now();
    assert_eq!(node.shutdown().await, End::Shutdown);
    assert_eq!(stage.heard(), ["stop c", "gone c", "gone b", "stop a", "gone a"]);
    assert_eq!(before.elapsed().as_secs(), BUDGET.as_secs());
}

#[tokio::test]
async fn the_message_under_way_is_finished_and_those_that_wait_are_lost() {
    let mut stage = Stage::new();
    let node = stage.start(three(&stage)).await;
    let release = stage.hold("a").await;
    let waiting = stage.actor("a");
    let waiting =
        tokio::spawn(
            async move { refuge_otp::call(&waiting, Cue::Ping, crate::stage::DEADLINE).await },
        );
    let stopping = tokio::spawn(async move { node.shutdown().await });
    stage.until("gone b").await;
    drop(release);
    assert_eq!(within(stopping).await.unwrap(), End::Shutdown);
    assert_eq!(stage.heard(), ["stop a", "gone a"]);
    // The call was either queued and lost or refused.
    assert_eq!(within(waiting).await.unwrap(), Err(refuge_otp::CallError::Down));
}

/// ractor leaves the state of a child that was killed while idle in its supervisor's mailbox, where it
/// stayed for as long as the supervisor was busy waiting for it to go.
#[tokio::test(start_paused = true)]
async fn a_child_to_be_killed_runs_no_post_stop_and_is_gone_at_once() {
    let mut stage = Stage::new();
    let tree = SupervisorSpecification::one_for_one("root")
        .child(stage.player("a").shutdown(Shutdown::Kill))
        .child(stage.player("b"));
    let node = stage.start(tree).await;
    stage.heard();
    let before = Instant::now();
    node.shutdown().await;
    assert_eq!(stage.heard(), ["stop b", "gone b", "gone a"]);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_child_without_a_limit_is_waited_for() {
    let mut stage = Stage::new();
    let tree = SupervisorSpecification::one_for_one("root")
        .child(stage.player("a").shutdown(Shutdown::Infinity));
    let node = stage.start(tree).await;
    let release = stage.hold("a").await;
    let before = Instant::now();
    let stopping = tokio::spawn(async move { node.shutdown().await });
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert!(!stopping.is_finished());
    drop(release);
    assert_eq!(stopping.await.unwrap(), End::Shutdown);
    stage.until("stop a").await;
    assert!(before.elapsed() >= Duration::from_secs(3600));
}

#[tokio::test]
async fn a_supervisor_in_the_middle_of_a_restart_can_be_stopped() {
    let mut stage = Stage::new();
    let inner = SupervisorSpecification::one_for_one("inner").children(stage.players(&["b", "c"]));
    let tree = SupervisorSpecification::one_for_one("root")
        .child(stage.player("a"))
        .child(supervisor(inner));
    let node = stage.start(tree).await;
    stage.script("c").hanging_starts.store(1, Ordering::SeqCst);
    stage.tell("c", Cue::Fail("once"));
    stage.until("gone c").await;
    stage.until("start c").await;
    assert_eq!(within(node.shutdown()).await, End::Shutdown);
    assert_eq!(stage.heard(), ["stop b", "gone b", "stop a", "gone a"]);
}

#[tokio::test(start_paused = true)]
async fn dynamic_children_stop_side_by_side() {
    let stage = Stage::new();
    let node = stage.start(SupervisorSpecification::dynamic("root")).await;
    let root = DynamicSupervisor::new(&stage.names, "root");
    for number in 0..10 {
        let name = format!("child {number}");
        stage.script(&name).hangs_in_post_stop.store(true, Ordering::SeqCst);
        let child = stage.player(&name).shutdown(Shutdown::Timeout(Duration::from_secs(2)));
        root.start_child(child).await.expect("it starts");
    }
    let before = Instant::now();
    node.shutdown().await;
    assert_eq!(before.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_gives_its_children_their_budgets_before_its_own_ends() {
    let mut stage = Stage::new();
    for name in ["b", "c"] {
        stage.script(name).hangs_in_post_stop.store(true, Ordering::SeqCst);
    }
    let inner =
        SupervisorSpecification::one_for_one("inner").children(stage.players(&["x", "b", "c"]));
    let tree = SupervisorSpecification::one_for_one("root")
        .child(stage.player("a"))
        .child(supervisor(inner));
    let node = stage.start(tree).await;
    stage.heard();
    node.shutdown().await;
    assert_eq!(stage.heard(), ["gone c", "gone b", "stop x", "gone x", "stop a", "gone a"]);
}

#[tokio::test]
async fn a_node_whose_root_is_killed_ends_with_all_below_it() {
    let mut stage = Stage::new();
    let node = stage.start(three(&stage)).await;
    stage.heard();
    node.kill("root").unwrap();
    assert_eq!(within(node.wait()).await, End::Killed);
    let mut heard = stage.heard();
    heard.sort();
    assert_eq!(heard, ["gone a", "gone b", "gone c"]);
}
