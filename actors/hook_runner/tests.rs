//! The actor with real scripts.

use std::fs;

use tempfile::TempDir;

use super::fixture::{SignOfLife, event, hook_event, node, script};
use super::*;

/// Longer than any test should take.
const LONG: Duration = Duration::from_secs(60);

struct Stage {
    root: TempDir,
    runner: ActorRef<HookRunnerMessage>,
}

impl Stage {
    async fn new(limits: HookLimits) -> Self {
        let root = tempfile::tempdir().unwrap();
        let arguments = HookRunnerArguments {
            hooks: root.path().join("etc/hooks"),
            directory: root.path().to_owned(),
            limits,
        };
        let (runner, _) = ractor::Actor::spawn(None, HookRunnerActor, arguments).await.unwrap();
        Self { root, runner }
    }

    fn hook(&self, name: &str, text: &str) {
        script(&self.root.path().join("etc/hooks/nodeup.d"), name, text);
    }

    fn tell(&self, number: u64, of: u64) {
        self.runner.cast(HookRunnerMessage::Event(hook_event(number, of))).unwrap();
    }

    async fn runs(&self) -> HookRuns {
        let (reply, answer) = oneshot::channel();
        self.runner.cast(HookRunnerMessage::Runs { reply }).unwrap();
        answer.await.unwrap()
    }

    /// What the runner knows once nothing waits or runs.
    async fn idle(&self) -> HookRuns {
        self.until(|runs| runs.waiting == 0 && runs.at_work == 0).await
    }

    async fn until(&self, holds: impl Fn(&HookRuns) -> bool) -> HookRuns {
        let deadline = Instant::now() + LONG;
        loop {
            let runs = self.runs().await;
            if holds(&runs) {
                return runs;
            }
            assert!(Instant::now() < deadline, "{runs:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.root.path().join(name)).unwrap()
    }
}

#[tokio::test]
async fn each_event_runs_every_hook_once_in_order() {
    let stage = Stage::new(HookLimits::default()).await;
    stage.hook("20-second", "echo \"second $REFUGE_NODE_NAME\" >> told; exit 7");
    stage.hook("10-first", "cat >> told");
    stage.hook("15-open", "echo never >> told");
    let open = stage.root.path().join("etc/hooks/nodeup.d/15-open");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o757);
    fs::set_permissions(open, mode).unwrap();
    stage.tell(1, 1);
    stage.tell(2, 1);
    let runs = stage.idle().await.runs;
    let seen: Vec<_> = runs.iter().map(|run| (run.number, run.hook.as_str(), run.status)).collect();
    assert_eq!(
        seen,
        [
            (1, "nodeup.d/10-first", Some(0)),
            (1, "nodeup.d/15-open", None),
            (1, "nodeup.d/20-second", Some(7)),
            (2, "nodeup.d/10-first", Some(0)),
            (2, "nodeup.d/15-open", None),
            (2, "nodeup.d/20-second", Some(7)),
        ]
    );
    let [first, second] = [event(1, 1), event(2, 1)].map(|event| event.to_json().to_string());
    let told = format!("{first}\nsecond node 1\n{second}\nsecond node 1\n");
    assert_eq!(stage.read("told"), told);
    let run = serde_json::to_value(&runs[2]).unwrap();
    assert_eq!(run["outcome"], "exit 7");
    assert_eq!(run["event"], "nodeup");
    assert_eq!(run["node"], node(1).to_string());
    assert!(runs[1].outcome.starts_with("refused: everybody may write"), "{}", runs[1].outcome);
}

#[tokio::test]
async fn hooks_of_different_nodes_run_beside_each_other() {
    let stage = Stage::new(HookLimits::default()).await;
    // The first one's hook ends only when the second one's has run.
    let text = "if [ \"$REFUGE_NODE_NAME\" = 'node 2' ]; then echo > second; else while [ ! -e second ]; do sleep 0.01; done; fi";
    stage.hook("10-meet", text);
    stage.tell(1, 1);
    stage.tell(2, 2);
    let runs = stage.idle().await.runs;
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run.status == Some(0)), "{runs:?}");
}

#[tokio::test]
async fn a_hook_that_hangs_is_killed_and_the_next_one_runs() {
    let mut limits = HookLimits::default();
    limits.process.time = Duration::from_secs(3);
    let stage = Stage::new(limits).await;
    stage.hook("10-hangs", "sleep 600");
    stage.hook("20-next", "echo here");
    stage.tell(1, 1);
    let runs = stage.idle().await.runs;
    assert_eq!((runs[0].status, runs[0].outcome.as_str()), (None, "killed after 3s"));
    assert_eq!((runs[1].status, runs[1].output.as_str()), (Some(0), "here\n"));
}

#[tokio::test]
async fn a_hook_of_a_node_that_stops_has_two_seconds() {
    let stage = Stage::new(HookLimits::default()).await;
    script(&stage.root.path().join("etc/hooks/stopping.d"), "10-hangs", "sleep 600");
    let stopping = HookEvent { event: "stopping", ..HookEvent::from(&*event(1, 1)) };
    stage.runner.cast(HookRunnerMessage::Event(Arc::new(stopping))).unwrap();
    let runs = stage.idle().await.runs;
    assert_eq!((runs[0].status, runs[0].outcome.as_str()), (None, "killed after 2s"));
}

#[tokio::test]
async fn a_full_queue_refuses_the_newest() {
    let queue = QueueLimits { waiting: 2, at_once: 1 };
    let stage = Stage::new(HookLimits { queue, ..HookLimits::default() }).await;
    stage.hook("10-waits", "while [ ! -e go ]; do sleep 0.01; done");
    for number in 1..=5 {
        stage.tell(number, number);
    }
    let runs = stage.runs().await;
    assert_eq!((runs.at_work, runs.waiting, runs.refused), (1, 2, 2));
    fs::write(stage.root.path().join("go"), "").unwrap();
    let runs = stage.idle().await.runs;
    assert_eq!(runs.iter().map(|run| run.number).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn no_folder_means_no_hooks_and_the_last_hundred_runs_are_remembered() {
    let stage = Stage::new(HookLimits::default()).await;
    stage.tell(1, 1);
    assert_eq!(stage.idle().await.runs, []);
    stage.hook("10-true", "exit 0");
    for number in 1..=105 {
        stage.tell(number, 1);
    }
    let numbers: Vec<_> = stage.idle().await.runs.iter().map(|run| run.number).collect();
    assert_eq!(numbers, (6..=105).collect::<Vec<_>>());
}

#[tokio::test]
async fn running_hooks_end_with_the_runner() {
    let stage = Stage::new(HookLimits::default()).await;
    let life = SignOfLife::new(stage.root.path());
    stage.hook("10-lives", "exec 9> alive; echo x >&9; sleep 600");
    stage.tell(1, 1);
    life.begun.await.unwrap();
    stage.runner.kill();
    life.over.await.unwrap();
}
