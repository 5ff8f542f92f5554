//! A backup that breaks off, and the same command again.

use std::path::PathBuf;

use super::*;
use refuge_tests::eventually;
use serde_json::Value;

/// Documents of 1 MiB.
const DOCUMENTS: usize = 12;

/// `FILE.part` of a file.
fn part(file: &Path) -> PathBuf {
    let mut part = file.to_owned().into_os_string();
    part.push(".part");
    part.into()
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// The system kills whoever writes more of a file than this.
fn killed_at(mebibytes: u64) -> String {
    format!("ulimit -c 0; ulimit -f {}", mebibytes * 2048)
}

/// A backup that is killed in the middle.
fn killed(node: &Node, verb: &[&str], mebibytes: u64) {
    let told = node.refuge_behind(&killed_at(mebibytes), verb);
    assert_eq!(told.code, None, "it is killed: {}", told.errors);
}

/// Waits until the board of tasks shows so many backups, of which none is being read.
async fn backups_wait(node: &Node, count: usize) {
    let client = node.client();
    eventually("so many backups wait for whoever goes on", async || {
        let tasks = client.get("/_active_tasks").await.json();
        let tasks = tasks.as_array().unwrap().iter().filter(|task| task["type"] == "backup");
        let states: Vec<_> = tasks.map(|task| task["process_status"].clone()).collect();
        (states.len() == count && states.iter().all(|state| state == "waiting")).then_some(())
    })
    .await;
}

fn rows(feed: &Value) -> &[Value] {
    feed["results"].as_array().unwrap()
}

#[tokio::test]
async fn one_that_is_killed_under_load_goes_on_with_its_snapshot() {
    let node = Node::start(Options::default());
    let client = node.client();
    fill(&node, "large", DOCUMENTS).await;
    client.put_nothing("/cities").await.expect(201);
    let before = noises(&node, "large", DOCUMENTS).await;
    let load = Load::start(node.address(), "cities", "before", 4);
    load.advance(200).await;
    let files = folder();
    let file = files.path().join("node.backup");
    let verb = ["backup", text(&file)];

    killed(&node, &verb, 3);
    assert_eq!(length(&part(&file)), 3 << 20, "the last block is torn");
    backups_wait(&node, 1).await;
    // None of this is of the snapshot.
    client.put("/cities/after", json!({})).await.expect(201);
    client.delete("/large").await.expect(200);
    client.post("/cities/_compact", json!({})).await.expect(202);
    load.advance(100).await;
    killed(&node, &verb, 7);
    assert_eq!(length(&part(&file)), 7 << 20);
    // As a disk that lost its power may have it.
    let mut torn = std::fs::read(part(&file)).unwrap();
    let end = torn.len() - 1000;
    torn[end..].fill(0xa5);
    torn.extend_from_slice(&[0; 5000]);
    std::fs::write(part(&file), torn).unwrap();
    let told = node.refuge(&verb);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    assert!(told.errors.contains("going on behind block"), "{}", told.errors);
    assert!(!part(&file).exists());
    backups_wait(&node, 0).await;
    load.stop().await;

    let other = restored(&file);
    assert!(noises(&other, "large", DOCUMENTS).await == before);
    let client = other.client();
    client.get("/cities/after").await.expect(404);
    // One moment: up to the backup's sequence both feeds are the same, row for row.
    let after = client.get("/cities/_changes").await.json();
    let before = node.client().get("/cities/_changes").await.json();
    assert!(rows(&after).len() >= 200);
    assert_eq!(rows(&after), &rows(&before)[..rows(&after).len()]);
}

#[tokio::test]
async fn one_for_which_there_is_no_room_says_how_it_goes_on() {
    let node = Node::start(Options::default());
    fill(&node, "large", DOCUMENTS).await;
    let files = folder();
    let file = files.path().join("node.backup");
    let verb = ["backup", text(&file)];
    // Written beyond that, a file is too large: an error like that of a disk that is full.
    let told = node.refuge_behind(&format!("trap '' XFSZ; {}", killed_at(4)), &verb);
    assert_eq!(told.code, Some(74), "{}", told.errors);
    assert!(told.errors.contains("the same command goes on"), "{}", told.errors);
    assert!(!file.exists());
    let told = node.refuge(&verb);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    let blocks = told.errors.split_once("behind block ").unwrap().1.split(',').next().unwrap();
    assert!(blocks.parse::<u64>().unwrap() > 2, "{}", told.errors);
    assert_eq!(node.refuge(&verb).code, Some(73), "a file is never written over");
    let other = restored(&file);
    assert!(noises(&other, "large", DOCUMENTS).await == noises(&node, "large", DOCUMENTS).await);
}

#[tokio::test]
async fn one_whose_snapshot_is_gone_begins_anew_and_says_so() {
    let mut node = Node::start(Options::default());
    let stranger = Node::start(Options::default());
    fill(&node, "large", DOCUMENTS).await;
    stranger.client().put_nothing("/strange").await.expect(201);
    let files = folder();
    let file = files.path().join("node.backup");
    let verb = ["backup", text(&file)];
    killed(&node, &verb, 4);
    let begun = std::fs::read(part(&file)).unwrap();

    // Another node never goes on with it.
    let told = stranger.refuge(&verb);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    assert!(told.errors.contains("a new backup begins"), "{}", told.errors);
    let other = restored(&file);
    other.client().get("/strange").await.expect(200);
    other.client().get("/large").await.expect(404);
    std::fs::remove_file(&file).unwrap();

    // Nor does its own where it has forgotten the snapshot.
    std::fs::write(part(&file), &begun).unwrap();
    node.restart();
    node.client().put_nothing("/later").await.expect(201);
    let told = node.refuge(&verb);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    assert!(told.errors.contains("kept no more"), "{}", told.errors);
    let other = restored(&file);
    other.client().get("/later").await.expect(200);
    assert!(noises(&other, "large", DOCUMENTS).await == noises(&node, "large", DOCUMENTS).await);
}

#[tokio::test]
async fn one_of_other_databases_and_what_is_no_backup_are_not_gone_on_with() {
    let node = Node::start(Options::default());
    fill(&node, "large", DOCUMENTS).await;
    node.client().put_nothing("/small").await.expect(201);
    let files = folder();
    let file = files.path().join("node.backup");
    killed(&node, &["backup", text(&file), "large"], 4);
    let told = node.refuge(&["backup", text(&file), "small", "small"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    assert!(told.errors.contains("of other databases"), "{}", told.errors);
    let other = restored(&file);
    other.client().get("/small").await.expect(200);
    other.client().get("/large").await.expect(404);
    std::fs::remove_file(&file).unwrap();
    std::fs::write(part(&file), "something else").unwrap();
    let told = node.refuge(&["backup", text(&file), "small"]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    assert!(told.errors.contains("a new backup begins"), "{}", told.errors);
    // Of three that broke off the first is kept no more.
    for name in ["one", "two", "three"] {
        let file = files.path().join(name);
        killed(&node, &["backup", text(&file), "large"], 4);
        backups_wait(&node, if name == "one" { 1 } else { 2 }).await;
    }
    for (name, said) in [("three", "going on"), ("two", "going on"), ("one", "kept no more")] {
        let told = node.refuge(&["backup", text(&files.path().join(name)), "large"]);
        assert_eq!(told.code, Some(0), "{}", told.errors);
        assert!(told.errors.contains(said), "{name}: {}", told.errors);
    }
}
