//! A restore that breaks off, and the same command again.

use std::io::Write;
use std::process::Command;

use super::*;

const DOCUMENTS: usize = 6;

#[tokio::test]
async fn a_restore_that_is_killed_starts_no_node_and_is_done_again() {
    let source = Node::start(Options::default());
    fill(&source, "large", DOCUMENTS).await;
    let files = folder();
    let whole = files.path().join("whole.backup");
    assert_eq!(source.refuge(&["backup", text(&whole)]).code, Some(0));
    let bytes = std::fs::read(&whole).unwrap();

    let mut node = empty();
    let file = files.path().join("node.backup");
    // A file that stops in the middle.
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    let mut restore = node.begin(&["restore", text(&file)]);
    let mut pipe = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    pipe.write_all(&bytes[..bytes.len() / 2]).unwrap();
    let told = node.refuge(&["restore", text(&whole)]);
    assert_eq!(told.code, Some(69), "another restore is at it: {}", told.errors);
    restore.kill().unwrap();
    restore.wait().unwrap();
    drop(pipe);

    let (code, _, errors) = Node::refusal(node.root(), &Options::default());
    assert_eq!(code, Some(65), "{errors}");
    assert!(errors.contains("run refuge restore again"), "{errors}");

    std::fs::remove_file(&file).unwrap();
    std::fs::rename(&whole, &file).unwrap();
    let told = node.refuge(&["restore", text(&file)]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    node.check();
    node.restart();
    assert!(noises(&node, "large", DOCUMENTS).await == noises(&source, "large", DOCUMENTS).await);
}
