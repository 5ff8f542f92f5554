//! Documents whose ends are databases and URLs.

use super::*;

fn local() -> Value {
    json!({"source": "a", "target": "b"})
}

#[test]
fn a_document_runs_once_and_says_so() {
    let mut story = Story::new();
    assert_eq!(story.put("one", local()), [start(1, "one", "b")]);
    assert_eq!(story.state("one"), "initializing");
    assert_eq!(story.started(1), []);
    assert_eq!(story.state("one"), "running");
    assert_eq!(story.row("one")["info"]["docs_read"], 7);
    assert_eq!(story.ended(1), [write("one", "completed")]);
    assert_eq!(story.state("one"), "completed");
    assert_eq!(story.row("one")["info"]["docs_written"], 3);
}

#[test]
fn an_own_write_starts_nothing() {
    let mut story = Story::new();
    story.put("one", local());
    story.started(1);
    let effects = story.machine.ended(0, RunNumber(1), json!({"docs_written": 3}));
    let [DocumentsEffect::Write(write)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let body = written(write, &local().to_string());
    // Whether the feed or the answer to the write comes first, the other is no news.
    assert_eq!(story.put("one", body.clone()), []);
    assert_eq!(story.state("one"), "completed");
    let revision = "2-x".to_owned();
    let outcome = WriteOutcome::Written { revision };
    let effects = story.machine.written(0, write, outcome);
    assert_eq!(story.did(effects), []);
    // Another machine, after a restart, finds it over too.
    let mut later = Story::new();
    assert_eq!(later.put("one", body.clone()), []);
    assert_eq!(later.state("one"), "completed");
    // So does another node, whose replication has another id; and whoever edits its ends alone.
    let mut edited = body.clone();
    edited["target"] = json!("c");
    assert_eq!(later.put("one", edited), []);
    assert_eq!(later.state("one"), "completed");
    // Whoever takes the marks away wants it to run again.
    assert_eq!(story.put("one", local()), [start(2, "one", "b")]);
}

#[test]
fn a_state_keeps_the_text_of_the_rest() {
    let mut story = Story::new();
    story.put("one", local());
    let effects = story.machine.ended(0, RunNumber(1), json!({}));
    let [DocumentsEffect::Write(write)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let body =
        br#"{"source":"a","n":1.00,"_replication_state":"failed","_replication_state_reason":"x"}"#;
    let body = write.apply(body).unwrap();
    let text = String::from_utf8(body.as_bytes().to_vec()).unwrap();
    assert!(text.contains("\"n\":1.00"), "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["_replication_state"], "completed");
    assert_eq!(value.get("_replication_state_reason"), None, "{text}");
    assert_eq!(value["_replication_state_time"], "1970-01-01T00:00:00Z");
    let empty = write.apply(b"{}").unwrap();
    assert!(empty.as_bytes().starts_with(b"{\"_replication_state\""));
}

#[test]
fn a_document_that_is_none_fails_and_is_told_once() {
    let mut story = Story::new();
    let broken = json!({"source": "a"});
    let change = story.change("one", broken.clone());
    let effects = story.machine.changed(0, change);
    let [DocumentsEffect::Write(write)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let body = written(write, &broken.to_string());
    assert_eq!(body["_replication_state_reason"], "the field `target` is missing");
    assert_eq!(story.put("one", body), []);
    assert_eq!(story.state("one"), "failed");
    assert_eq!(story.row("one")["info"]["error"], "the field `target` is missing");
    assert_eq!(story.row("one")["source"], "a");
    // Mended, but still marked.
    let mut marked = local();
    marked["_replication_state"] = json!("failed");
    marked["_replication_state_reason"] = json!("the field `target` is missing");
    assert_eq!(story.put("one", marked), []);
    assert_eq!(story.state("one"), "failed");
    assert_eq!(story.put("one", local()), [start(1, "one", "b")]);
}

#[test]
fn no_password_is_shown() {
    let mut story = Story::new();
    story.put("one", json!({"source": "http://bob:secret@host/a", "target": 1}));
    story.put("two", json!({"source": "a", "target": "http://bob:secret@host/a"}));
    let report = story.machine.report(&DocumentRows::all(), ALONE).to_string();
    assert!(!report.contains("secret"), "{report}");
    assert!(report.contains("http://host/a"), "{report}");
}

#[test]
fn rests_double_up_to_eight_hours() {
    let mut story = Story::new();
    story.put("one", local());
    let mut rests = Vec::new();
    for number in 1..=16 {
        assert_eq!(story.crashed(number), []);
        assert_eq!(story.state("one"), "crashing");
        assert_eq!(story.row("one")["error_count"], number);
        assert_eq!(story.row("one")["info"]["error"], "it broke");
        let (slept, did) = story.sleep();
        assert_eq!(did, [start(number + 1, "one", "b")]);
        rests.push(slept / 1_000);
    }
    assert_eq!(rests[..4], [5, 10, 20, 40]);
    assert_eq!(rests[14..], [28_800, 28_800]);
}

#[test]
fn whoever_ran_well_for_a_while_begins_with_a_short_rest() {
    let mut story = Story::new();
    story.put("one", local());
    story.crashed(1);
    story.sleep();
    story.started(2);
    story.pass(60_000);
    story.crashed(2);
    let (slept, _) = story.sleep();
    assert_eq!(slept, 10_000);
    story.started(3);
    story.pass(120_000);
    story.crashed(3);
    let (slept, _) = story.sleep();
    assert_eq!(slept, 5_000);
}

#[test]
fn edits_that_change_nothing_disturb_nothing() {
    let mut story = Story::new();
    story.put("one", local());
    story.started(1);
    let mut edited = local();
    edited["comment"] = json!("the same");
    assert_eq!(story.put("one", edited), []);
    assert_eq!(story.state("one"), "running");
    // The state is then written into the revision that is there.
    let effects = story.machine.ended(0, RunNumber(1), json!({}));
    assert!(matches!(&effects[..], [DocumentsEffect::Write(write)] if write.revision == "2-x"));
}

#[test]
fn an_edit_of_the_ends_begins_anew() {
    let mut story = Story::new();
    story.put("one", local());
    story.started(1);
    let other = json!({"source": "a", "target": "c"});
    assert_eq!(story.put("one", other), [Did::Stop(1), start(2, "one", "c")]);
    // Late news of the former run are of nobody.
    assert_eq!(story.ended(1), []);
    assert_eq!(story.crashed(1), []);
    assert_eq!(story.state("one"), "initializing");
}

#[test]
fn a_document_told_twice_counts_once() {
    let mut story = Story::new();
    let change = story.change("one", local());
    let effects = story.machine.changed(0, change.clone());
    assert_eq!(story.did(effects).len(), 1);
    let effects = story.machine.changed(0, change);
    assert_eq!(story.did(effects), []);
}

#[test]
fn a_deleted_document_stops_its_run_or_its_rest() {
    let mut story = Story::new();
    story.put("one", local());
    assert_eq!(story.remove("one"), [Did::Stop(1)]);
    assert_eq!(story.machine.report(&DocumentRows::all(), ALONE)["total_rows"], 0);
    story.put("one", local());
    story.crashed(2);
    assert_eq!(story.remove("one"), [Did::Stop(2)]);
    let (_, did) = story.sleep();
    assert_eq!(did, []);
    story.put("one", local());
    story.put("two", json!({"source": "a", "target": "c"}));
    let effects = story.machine.cleared(story.now_ms, REPLICATOR);
    assert_eq!(story.did(effects), [Did::Stop(3), Did::Stop(4)]);
}

#[test]
fn the_same_replication_runs_once_at_a_time() {
    let mut story = Story::new();
    story.put("one", local());
    assert_eq!(story.put("two", local()), [write("two", "failed")]);
    assert_eq!(story.state("two"), "failed");
    let reason = story.row("two")["info"]["error"].to_string();
    assert!(reason.ends_with("triggered by document `one` from db `_replicator`\""), "{reason}");
    assert_eq!(story.remove("one"), [Did::Stop(1)]);
    assert_eq!(story.put("two", local()), [start(2, "two", "b")]);
}

#[test]
fn a_state_that_could_not_be_written_is_written_later() {
    let mut story = Story::new();
    story.put("one", local());
    let effects = story.machine.ended(0, RunNumber(1), json!({}));
    let [DocumentsEffect::Write(state)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let effects = story.machine.written(0, state, WriteOutcome::Failed);
    assert_eq!(story.did(effects), []);
    let (slept, did) = story.sleep();
    assert_eq!((slept, did), (5_000, vec![write("one", "completed")]));
    // A user was quicker: what the feed brings counts.
    let effects = story.machine.written(story.now_ms, state, WriteOutcome::Superseded);
    assert_eq!(story.did(effects), []);
    assert_eq!(story.put("one", local()), [start(2, "one", "b")]);
}
