//! Real scripts in a temporary directory.

use std::time::Instant;

use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;
use crate::hook_runner::fixture::{SignOfLife, script};

/// Longer than any test should take.
const LONG: Duration = Duration::from_secs(60);

fn hook(folder: &TempDir, text: &str) -> Hook {
    Hook {
        program: script(folder.path(), "hook", text),
        directory: folder.path().to_owned(),
        environment: vec![("REFUGE_EVENT", "nodeup".to_owned())],
        input: "{\"seq\":1}\n".to_owned(),
        limits: ProcessLimits { time: LONG, output_bytes: 4_096 },
    }
}

async fn in_time(sign: oneshot::Receiver<()>) {
    tokio::time::timeout(LONG, sign).await.expect("it is not too late").expect("a sign");
}

async fn run_script(text: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    run(hook(&folder, text)).await
}

#[tokio::test]
async fn a_hook_gets_its_input_its_environment_and_no_other() {
    let ended = run_script("cat; env; pwd").await;
    assert_eq!(ended.outcome, Outcome::Exited(0));
    let mut lines = ended.output.lines();
    assert_eq!(lines.next(), Some("{\"seq\":1}"));
    let names: Vec<_> = lines.filter_map(|line| line.split_once('=')).collect();
    assert!(names.contains(&("REFUGE_EVENT", "nodeup")), "{names:?}");
    // A shell adds some of its own.
    let known = ["REFUGE_EVENT", "PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"];
    assert!(names.iter().all(|(name, _)| known.contains(name)), "{names:?}");
    assert!(names.iter().any(|(name, _)| *name == "PATH"));
}

#[tokio::test]
async fn status_and_both_outputs_are_told_in_order() {
    let ended = run_script("echo one; echo two >&2; echo three; exit 3").await;
    assert_eq!(ended.outcome, Outcome::Exited(3));
    assert_eq!(ended.output, "one\ntwo\nthree\n");
    assert_eq!(run_script("kill -TERM $$").await.outcome, Outcome::Signal(15));
}

#[tokio::test]
async fn only_the_beginning_of_what_it_says_is_kept_and_none_of_it_moves_a_terminal() {
    let text =
        "printf 'a\\033[2Jb\\n'; i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done";
    let ended = run_script(text).await;
    assert_eq!(ended.outcome, Outcome::Exited(0));
    assert!(ended.output.starts_with("a\u{fffd}[2Jb\n0123456789\n"), "{:?}", ended.output);
    assert!(ended.output.chars().count() <= 4_096);
}

#[tokio::test]
async fn what_cannot_be_executed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut hook = hook(&folder, "");
    std::fs::write(&hook.program, "#!/nowhere/interpreter\n").unwrap();
    let ended = run(hook.clone()).await;
    assert!(matches!(ended.outcome, Outcome::NotStarted(_)), "{ended:?}");
    hook.program = folder.path().join("absent");
    assert!(matches!(run(hook).await.outcome, Outcome::NotStarted(_)));
}

#[tokio::test]
async fn when_its_time_is_up_a_hook_is_killed_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let life = SignOfLife::new(folder.path());
    let mut hook = hook(&folder, "echo hello; (trap '' TERM; echo x; sleep 600) > alive & wait");
    hook.limits.time = Duration::from_secs(3);
    let begun = Instant::now();
    let ended = run(hook).await;
    assert_eq!(ended.outcome, Outcome::TimedOut(Duration::from_secs(3)));
    assert_eq!(ended.output, "hello\n");
    assert!(begun.elapsed() < LONG);
    in_time(life.over).await;
}

#[tokio::test]
async fn what_a_hook_leaves_running_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let life = SignOfLife::new(folder.path());
    let ended = run(hook(&folder, "echo x > alive; sleep 600 9> alive & exit 0")).await;
    assert_eq!(ended.outcome, Outcome::Exited(0));
    in_time(life.over).await;
}

#[tokio::test]
async fn a_hook_is_done_although_a_process_that_left_its_group_holds_its_output() {
    let begun = Instant::now();
    let ended = run_script("echo said; setsid sleep 20 & exit 0").await;
    assert_eq!((ended.outcome, ended.output.as_str()), (Outcome::Exited(0), "said\n"));
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_hook_ends_when_its_owner_goes() {
    let folder = tempfile::tempdir().unwrap();
    let life = SignOfLife::new(folder.path());
    let running = tokio::spawn(run(hook(&folder, "exec 9> alive; echo x >&9; sleep 600 & wait")));
    in_time(life.begun).await;
    running.abort();
    in_time(life.over).await;
}
