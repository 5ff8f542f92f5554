//! A parked child: what stood on it is down, a stand-in answers, and it is tried again until it runs
//! or the patience ends. Time is virtual here.

use std::sync::atomic::Ordering;
use std::time::Duration;

use refuge_otp::{ChildState, End, Park, SupervisorSpecification, supervisor};
use tokio::time::Instant;

use crate::stage::{Cue, Stage, only};

const RETRY: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(100);

fn node(stage: &Stage) -> SupervisorSpecification {
    let stand_in = Some(Box::new(stage.player("apology")));
    let storage = SupervisorSpecification::one_for_all("storage")
        .intensity(2, Duration::from_secs(60))
        .child(stage.player("engine"))
        .parked(Park { retry: RETRY, limit: LIMIT, stand_in });
    SupervisorSpecification::rest_for_one("root")
        .intensity(0, Duration::from_secs(60))
        .child(stage.player("console"))
        .child(supervisor(storage))
        .child(stage.player("databases"))
        .child(stage.player("http"))
}

/// The engine fails, and does not start for the next `failing` attempts.
async fn break_the_engine(stage: &mut Stage, failing: usize) {
    stage.heard();
    stage.script("engine").failing_starts.store(failing, Ordering::SeqCst);
    stage.tell("engine", Cue::Fail("the disk is gone"));
    stage.until("start apology").await;
}

#[tokio::test(start_paused = true)]
async fn a_parked_branch_comes_back_with_what_stood_on_it() {
    let mut stage = Stage::new();
    let node = stage.start(node(&stage)).await;
    // Two within the storage branch, then two attempts while parked.
    let before = Instant::now();
    break_the_engine(&mut stage, 4).await;
    let parked = stage.names.tree().unwrap();
    assert_eq!(parked.find("storage").unwrap().state, ChildState::Parked);
    assert_eq!(parked.find("http").unwrap().state, ChildState::Stopped);
    assert_eq!(stage.ping("console").await, 1);
    let heard = stage.until("start http").await;
    assert_eq!(only("start", &heard), ["engine", "engine", "engine", "databases", "http"]);
    assert_eq!(only("stop", &heard), ["apology"]);
    assert_eq!(before.elapsed().as_secs(), 3 * RETRY.as_secs());
    stage.until_quiet(&node).await;
    let tree = stage.names.tree().unwrap();
    assert!(tree.find("apology").is_none());
    for name in ["storage", "engine", "databases", "http"] {
        let actor = tree.find(name).unwrap();
        assert_eq!((actor.state, actor.restarts), (ChildState::Running, 1), "{name}");
    }
    assert_eq!(tree.find("console").unwrap().restarts, 0);
    assert_eq!(node.shutdown().await, End::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn patience_ends_and_the_node_with_it_in_order() {
    let mut stage = Stage::new();
    let node = stage.start(node(&stage)).await;
    let before = Instant::now();
    break_the_engine(&mut stage, usize::MAX).await;
    let End::IntensityReached(reason) = node.wait().await else { panic!("it ended otherwise") };
    assert!(reason.contains("not recovered"), "{reason}");
    assert_eq!(before.elapsed().as_secs(), LIMIT.as_secs());
    assert_eq!(only("stop", &stage.heard()), ["apology", "console"]);
}

#[tokio::test(start_paused = true)]
async fn a_stand_in_that_died_is_there_again_after_the_next_attempt() {
    let mut stage = Stage::new();
    let node = stage.start(node(&stage)).await;
    break_the_engine(&mut stage, usize::MAX).await;
    stage.names.kill("apology").unwrap();
    stage.until("start apology").await;
    assert_eq!(node.shutdown().await, End::Shutdown);
    assert_eq!(only("stop", &stage.heard()), ["apology", "console"]);
}

impl Stage {
    /// Lets the supervisors finish what they do: they answer requests only between two events.
    async fn until_quiet(&self, node: &refuge_otp::SupervisorHandle) {
        let absent = node.dynamic().stop_child("nobody").await;
        assert!(absent.is_err());
    }
}
