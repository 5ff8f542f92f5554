//! A byte that a disk has changed: the node does not start on it, and says which file it is.

use std::fs;
use std::path::{Path, PathBuf};

use refuge_tests::{Node, Options};
use serde_json::json;

/// The largest file under a directory whose path contains `part`.
fn largest(directory: &Path, part: &str) -> PathBuf {
    fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { collect(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    collect(directory, &mut found);
    found.retain(|path| path.to_str().is_some_and(|path| path.contains(part)));
    found.sort_by_key(|path| fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0));
    found.pop().expect("such a file")
}

fn flip(file: &Path, place: usize) {
    let mut bytes = fs::read(file).expect("a file");
    bytes[place] ^= 0x10;
    fs::write(file, bytes).expect("a file");
}

async fn with_documents() -> Node {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    for number in 0..50 {
        client.put(&format!("/a/{number}"), json!({"filler": "x".repeat(500)})).await.expect(201);
    }
    node
}

fn refused_over(node: &Node, file: &Path) {
    let (code, _, errors) = Node::refusal(node.root(), &Options::default());
    assert_eq!(code, Some(65), "{errors}");
    assert!(errors.contains(file.to_str().expect("text")), "{errors}");
    let told = node.refuge(&["check"]);
    assert_eq!(told.code, Some(65), "{}{}", told.output, told.errors);
    let whole = format!("{}{}", told.output, told.errors);
    assert!(whole.contains(file.to_str().expect("text")), "{whole}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_table_is_named_at_the_start_and_by_the_check() {
    let mut node = with_documents().await;
    node.terminate();
    node.ended();
    node.check();
    let table = largest(node.root(), "/tables/");
    flip(&table, 100);
    refused_over(&node, &table);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_lies_beside_a_damaged_table_is_checked() {
    let mut node = with_documents().await;
    node.client().put_nothing("/b").await.expect(201);
    node.terminate();
    node.ended();
    let table = largest(node.root(), "/tables/");
    flip(&table, 100);
    let told = node.refuge(&["check"]);
    assert_eq!(told.code, Some(65), "{}{}", told.output, told.errors);
    assert!(told.output.contains(table.to_str().expect("text")), "{}", told.output);
    let counts = told.output.lines().last().unwrap_or_default();
    assert!(
        counts.contains(" 50 documents") && !counts.contains(" 0 databases"),
        "{}",
        told.output
    );
    // What was checked is as it was.
    flip(&table, 100);
    node.check();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_journal_is_named_at_the_start_and_by_the_check() {
    let mut node = with_documents().await;
    node.kill_hard();
    let journal = largest(node.root(), ".jnl");
    flip(&journal, 600);
    refused_over(&node, &journal);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_runs_is_not_checked() {
    let node = with_documents().await;
    let told = node.refuge(&["check"]);
    assert_eq!(told.code, Some(69), "{}{}", told.output, told.errors);
}
