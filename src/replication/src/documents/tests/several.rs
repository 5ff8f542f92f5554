//! Documents of several databases, and runs that wait for their turn.

use super::*;
use crate::kept_off::KeptOff;

fn local() -> Value {
    json!({"source": "a", "target": "b", "continuous": true})
}

fn rows(story: &Story, database: Option<&str>, states: &[&str]) -> Vec<String> {
    let rows = DocumentRows {
        database: database.map(str::to_owned),
        states: states.iter().map(|state| (*state).to_owned()).collect(),
        ..DocumentRows::all()
    };
    let told = story.machine.report(&rows, ALONE);
    let docs = told["docs"].as_array().expect("rows");
    assert_eq!(told["total_rows"], docs.len());
    let name = |row: &Value| format!("{} {}", row["database"], row["doc_id"]).replace('"', "");
    docs.iter().map(name).collect()
}

#[test]
fn a_run_is_pending_until_its_turn_comes() {
    let mut story = Story::new();
    story.put("one", local());
    let effects = story.machine.waits(0, RunNumber(1), None);
    assert_eq!(story.did(effects), []);
    assert_eq!(story.state("one"), "pending");
    story.started(1);
    assert_eq!(story.state("one"), "running");
    story.machine.waits(0, RunNumber(1), None);
    assert_eq!(story.state("one"), "pending");
    assert_eq!(story.remove("one"), [Did::Stop(1)]);
}

#[test]
fn why_a_run_is_pending_is_told_as_long_as_it_is_so() {
    let mut story = Story::new();
    story.put("one", local());
    story.machine.waits(0, RunNumber(1), Some(KeptOff::LinkMetered));
    assert_eq!(story.row("one")["info"]["reason"], KeptOff::LinkMetered.to_string());
    story.machine.waits(0, RunNumber(1), None);
    assert_eq!(story.row("one")["info"]["reason"], Value::Null);
    story.machine.waits(0, RunNumber(1), Some(KeptOff::LinkMetered));
    story.started(1);
    assert_eq!(story.row("one")["info"]["reason"], Value::Null);
}

#[test]
fn a_turn_that_was_long_enough_makes_earlier_crashes_forgotten() {
    let mut story = Story::new();
    story.put("one", local());
    story.crashed(1);
    story.sleep();
    story.started(2);
    story.pass(120_000);
    story.machine.waits(story.now_ms, RunNumber(2), None);
    assert_eq!(story.row("one")["error_count"], 0);
}

#[test]
fn documents_of_one_id_in_two_databases_are_two() {
    let mut story = Story::new();
    story.put("one", local());
    let other = json!({"source": "a", "target": "c"});
    assert_eq!(story.put("x/_replicator/one", other), [start(2, "x/_replicator/one", "c")]);
    // The same replication runs once, wherever it is asked for.
    assert_eq!(story.put("x/_replicator/two", local()), [write("x/_replicator/two", "failed")]);
    story.started(1);
    assert_eq!(rows(&story, None, &[]).len(), 3);
    let of_x = rows(&story, Some("x/_replicator"), &[]);
    assert_eq!(of_x, ["x/_replicator one", "x/_replicator two"]);
    assert_eq!(rows(&story, None, &["running", "pending"]), ["_replicator one"]);
    let page = DocumentRows { skip: 1, limit: 1, ..DocumentRows::default() };
    let told = story.machine.report(&page, ALONE);
    assert_eq!((&told["total_rows"], &told["offset"]), (&json!(3), &json!(1)));
    assert_eq!(told["docs"].as_array().map(Vec::len), Some(1));
    // A database that is gone takes its own along.
    let effects = story.machine.cleared(0, "x/_replicator");
    assert_eq!(story.did(effects), [Did::Stop(2)]);
    assert_eq!(rows(&story, None, &[]), ["_replicator one"]);
}

#[test]
fn of_what_crashed_and_is_wanted_no_longer_nothing_is_told() {
    let mut story = Story::new();
    story.put("one", local());
    story.crashed(1);
    assert_eq!(story.remove("one"), [Did::Stop(1)]);
}
