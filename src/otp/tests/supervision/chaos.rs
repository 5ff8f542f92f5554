//! Kills at random: after each, exactly those have restarted which the specification names.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use refuge_otp::{
    ChildState, Restart, Strategy, SupervisorSpecification, TreeNode, restart_set, supervisor,
};

use crate::stage::{Cue, DEADLINE, Stage, only, within};

/// Enough for any number of kills here.
const BOUNDLESS: u32 = 1_000_000;

fn static_strategy() -> impl proptest::strategy::Strategy<Value = Strategy> {
    prop_oneof![Just(Strategy::OneForOne), Just(Strategy::OneForAll), Just(Strategy::RestForOne)]
}

/// Two levels of supervisors below the root: strategies, and how many workers each has.
type Shape = (Strategy, Vec<(Strategy, Vec<Option<Strategy>>)>);

fn shape() -> impl proptest::strategy::Strategy<Value = Shape> {
    let inner = proptest::option::of(static_strategy());
    let middle = (static_strategy(), proptest::collection::vec(inner, 1..4));
    (static_strategy(), proptest::collection::vec(middle, 1..4))
}

fn quiet(name: &str, strategy: Strategy) -> SupervisorSpecification {
    SupervisorSpecification::new(name, strategy).intensity(BOUNDLESS, Duration::from_secs(1))
}

fn specification(stage: &Stage, (strategy, middles): &Shape) -> SupervisorSpecification {
    let mut root = quiet("root", *strategy);
    for (number, (strategy, children)) in middles.iter().enumerate() {
        let mut middle = quiet(&format!("m{number}"), *strategy);
        for (child, nested) in children.iter().enumerate() {
            let name = format!("m{number}c{child}");
            middle = middle.child(match nested {
                None => stage.player(&name),
                Some(strategy) => {
                    let workers = [format!("{name}x"), format!("{name}y")];
                    let workers = workers.each_ref().map(|worker| stage.player(worker));
                    supervisor(quiet(&name, *strategy).children(workers))
                }
            });
        }
        root = root.child(supervisor(middle));
    }
    root
}

fn restarts(tree: &TreeNode) -> BTreeMap<String, u64> {
    tree.walk().map(|actor| (actor.name.clone(), actor.restarts)).collect()
}

fn all_run(tree: &TreeNode) -> bool {
    tree.walk().all(|actor| actor.state == ChildState::Running && actor.incarnation.is_some())
}

async fn play(shape: &Shape, kills: &[proptest::sample::Index]) {
    let mut stage = Stage::new();
    let specification = specification(&stage, shape);
    let node = stage.start(specification.clone()).await;
    let mut expected = restarts(&stage.names.tree().expect("it runs"));
    let victims: Vec<String> = expected.keys().filter(|name| *name != "root").cloned().collect();
    for kill in kills {
        let victim = kill.get(&victims);
        for name in restart_set(&specification, victim) {
            *expected.entry(name).or_default() += 1;
        }
        node.kill(victim).expect("it runs");
        let tree = stage.tree_when(|tree| restarts(tree) == expected && all_run(tree)).await;
        assert_eq!(tree.restart, Restart::Permanent);
    }
    node.shutdown().await;
    let heard = stage.heard();
    assert!(only("locked out", &heard).is_empty(), "two incarnations at once: {heard:?}");
}

#[test]
fn exactly_those_restart_which_the_specification_names() {
    let mut runner = TestRunner::new(Config { cases: 60, ..Config::default() });
    let kills = proptest::collection::vec(any::<proptest::sample::Index>(), 1..12);
    let outcome = runner.run(&(shape(), kills), |(shape, kills)| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build()?;
        runtime.block_on(play(&shape, &kills));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_in_quick_succession_never_leave_the_tree_incomplete() {
    let mut stage = Stage::new();
    let nested = |stage: &Stage, name: &str, strategy| {
        let workers = ["x", "y", "z"].map(|worker| format!("{name}{worker}"));
        supervisor(
            quiet(name, strategy).children(workers.each_ref().map(|name| stage.player(name))),
        )
    };
    let tree = quiet("root", Strategy::RestForOne)
        .child(nested(&stage, "a", Strategy::OneForAll))
        .child(nested(&stage, "b", Strategy::RestForOne))
        .child(nested(&stage, "c", Strategy::OneForOne));
    let node = stage.start(tree).await;
    let victims = ["ax", "b", "cz", "by", "a", "c", "az", "bx"];
    for round in 0..200 {
        // Whoever is down at this moment cannot be killed, which is as good.
        let _ = node.kill(victims[round % victims.len()]);
        tokio::task::yield_now().await;
    }
    // A kill acts at the victim's next await, so the tree may look whole while one is on its way.
    let whole = async {
        loop {
            let tree = stage.tree_when(|tree| all_run(tree) && tree.walk().count() == 13).await;
            let workers = tree.walk().filter(|actor| actor.children.is_empty());
            let answers = workers.map(|actor| stage.names.call(&actor.name, Cue::Ping, DEADLINE));
            if futures_util::future::join_all(answers).await.iter().all(Result::is_ok) {
                return;
            }
        }
    };
    within(whole).await;
    node.shutdown().await;
    assert!(only("locked out", &stage.heard()).is_empty());
}
