//! What tests leave behind: nothing.

use std::path::PathBuf;
use std::process::Command;

use refuge_tests::{Node, Options, eventually};

const FORGETFUL: &str = "leftovers::a_test_forgets_its_node";

#[test]
#[ignore = "run by the test behind it, whose node it is not to leave behind"]
fn a_test_forgets_its_node() {
    let node = Node::start(Options::default());
    println!("node {} {}", node.process_id(), node.root().display());
    std::mem::forget(node);
}

/// A node that tests share is never dropped either.
#[tokio::test]
async fn a_forgotten_node_ends_with_its_test() {
    let test = std::env::current_exe().expect("a test that is a file");
    let told = Command::new(test)
        .args(["--exact", FORGETFUL, "--ignored", "--nocapture"])
        .output()
        .expect("the test runs");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let words: Vec<&str> = told
        .lines()
        .find_map(|line| line.split_once("node ")?.1.split_once(' '))
        .map(|(process, root)| vec![process, root])
        .unwrap_or_else(|| panic!("{told}"));
    let traces = [PathBuf::from("/proc").join(words[0]), PathBuf::from(words[1])];
    eventually("the node and its root are gone", || async {
        traces.iter().all(|trace| !trace.exists()).then_some(())
    })
    .await;
}
