//! Checkpoints: where a run goes on, what is written when, and ends that keep none.

use refuge_replication::{
    Answer, ChangesPage, Checkpoint, Effect, End, EndFailureKind, Replication, Request,
};
use serde_json::json;

use crate::script::{Script, broken, failing, page};

#[test]
fn a_second_run_goes_on_from_the_checkpoint_and_finds_no_changes() {
    let log = json!({"_id": "_local/x", "_rev": "0-1", "session_id": "old",
        "source_last_seq": "1-x", "replication_id_version": 4,
        "history": [{"session_id": "old", "recorded_seq": "1-x"}]});
    let found = || {
        Ok(Answer::Checkpoint(Some(Checkpoint { revision: "0-1".to_owned(), body: log.clone() })))
    };
    let nothing = ChangesPage { rows: Vec::new(), ..page() };
    let mut script = Script::new()
        .instead("source Checkpoint", [found()])
        .instead("target Checkpoint", [found()])
        .instead("source Changes", [Ok(Answer::Changes(nothing))]);
    let summary = script.run().unwrap();
    assert_eq!(summary.body["no_changes"], true);
    assert_eq!(summary.body["session_id"], "old");
    assert!(!summary.body.contains_key("_id"));
    assert!(!script.asked.iter().any(|asked| asked.contains("WriteCheckpoint")));
}

#[test]
fn a_reader_of_the_source_may_replicate_without_checkpoints() {
    let mut script =
        Script::new().instead("source WriteCheckpoint", [failing(EndFailureKind::Forbidden)]);
    let summary = script.run().unwrap();
    assert_eq!(summary.body["source_last_seq"], "1-x");
    assert!(!script.asked.contains(&"target WriteCheckpoint".to_owned()));
}

#[test]
fn a_checkpoint_whose_answer_was_lost_is_found_and_written_over() {
    let ours = Checkpoint { revision: "0-7".to_owned(), body: json!({"session_id": "session"}) };
    let mut script = Script::new()
        .instead("source WriteCheckpoint", [broken(), failing(EndFailureKind::Conflict)])
        .instead(
            "source Checkpoint",
            [Ok(Answer::Checkpoint(None)), Ok(Answer::Checkpoint(Some(ours)))],
        );
    script.run().unwrap();
    assert_eq!(script.written.len(), 2);
}

#[test]
fn a_checkpoint_that_another_replication_wrote_means_beginning_anew() {
    let other = Checkpoint { revision: "0-7".to_owned(), body: json!({"session_id": "other"}) };
    let mut script = Script::new()
        .instead("target WriteCheckpoint", [failing(EndFailureKind::Conflict)])
        .instead(
            "target Checkpoint",
            [Ok(Answer::Checkpoint(None)), Ok(Answer::Checkpoint(Some(other)))],
        );
    script.run().unwrap();
    let openings = script.asked.iter().filter(|asked| *asked == "target Information");
    assert_eq!(openings.count(), 2);
}

#[test]
fn peers_without_ensure_full_commit_are_taken_to_store_at_once() {
    let unknown = || failing(EndFailureKind::Permanent);
    let mut script = Script::new()
        .instead("source EnsureFullCommit", [unknown()])
        .instead("target EnsureFullCommit", [unknown()]);
    let summary = script.run().unwrap();
    assert!(summary.body["history"][0].get("target_instance").is_none());
}

#[test]
fn a_continuous_replication_waits_and_writes_its_checkpoint_at_rest() {
    let mut script = Script::new();
    script.settings.continuous = true;
    let mut machine = Replication::new(script.settings.clone());
    let mut effects = machine.start(0);
    let mut waiting = None;
    let mut wake = None;
    while !effects.is_empty() {
        let mut next = Vec::new();
        for effect in effects {
            match effect {
                Effect::Request {
                    id, request: Request::Changes { wait: true, since, .. }, ..
                } => {
                    assert_eq!(since, "1-x");
                    waiting = Some(id);
                }
                Effect::Request { id, end, request } => {
                    let outcome = script.answer(end, &request);
                    next.extend(machine.answer(0, id, outcome));
                }
                Effect::Wake { after_ms } => wake = Some(after_ms),
                other => panic!("{other:?}"),
            }
        }
        effects = next;
    }
    let status = machine.status();
    assert!(waiting.is_some() && status.caught_up);
    assert_eq!(
        (status.through_sequence.as_str(), status.checkpointed_sequence.as_str()),
        ("1-x", "0")
    );
    assert_eq!(wake, Some(500), "the checkpoint comes after half a second of rest");
    let commits = machine.elapsed(500);
    let commits = commits.iter().filter(|effect| {
        matches!(effect, Effect::Request { request: Request::EnsureFullCommit, .. })
    });
    assert_eq!(commits.count(), 2);
}

#[test]
fn a_continuous_one_that_rests_reads_former_sessions_again_for_its_next_checkpoint() {
    let entry = |id: &str| json!({"session_id": id, "recorded_seq": "1-x"});
    let log = |ids: &[&str]| Checkpoint {
        revision: "0-1".to_owned(),
        body: json!({"history": ids.iter().map(|id| entry(id)).collect::<Vec<_>>()}),
    };
    let mut script = Script::new();
    script.settings.continuous = true;
    let mut machine = Replication::new(script.settings.clone());
    let mut effects = machine.start(0);
    let mut reads = 0;
    let mut pages = 0;
    // The target does not know the source's newest session; both know the one before it.
    while script.written.len() < 4 {
        let mut next = Vec::new();
        for effect in effects {
            let Effect::Request { id, end, request } = effect else { continue };
            let answer = match (&request, end) {
                (Request::Checkpoint { .. }, End::Source) => {
                    reads += 1;
                    let of_source = ["session", "alone", "common", "older"];
                    let skipped = usize::from(script.written.is_empty());
                    Answer::Checkpoint(Some(log(&of_source[skipped..])))
                }
                (Request::Checkpoint { .. }, End::Target) => {
                    Answer::Checkpoint(Some(log(&["common", "older"])))
                }
                (Request::Changes { .. }, _) => {
                    pages += 1;
                    // Every other page is empty: it rests, and then there is something new.
                    let rows = if pages % 2 == 0 { page().rows } else { Vec::new() };
                    let last_sequence = format!("{}-x", pages + 1);
                    Answer::Changes(ChangesPage { rows, last_sequence, ..page() })
                }
                (request, _) => script.usual(request),
            };
            next.extend(machine.answer(script.now_ms, id, Ok(answer)));
        }
        script.now_ms += 1_000;
        next.extend(machine.elapsed(script.now_ms));
        effects = next;
    }
    assert!(reads >= 2, "they were read {reads} times");
    for written in &script.written {
        let history = written["history"].as_array().unwrap();
        let ids: Vec<&str> =
            history.iter().map(|entry| entry["session_id"].as_str().unwrap()).collect();
        assert!(
            ids == ["session", "common", "older"] || ids == ["session", "alone", "common", "older"],
            "{ids:?}"
        );
    }
    assert_eq!(script.written[0]["history"][1]["session_id"], "common");
}

#[test]
fn a_source_that_is_far_away_commits_while_its_last_documents_come() {
    let asked_of_the_source = |answer_ms| {
        let mut script = Script::new();
        let mut machine = Replication::new(script.settings.clone());
        let mut effects = machine.start(0);
        let mut asked = Vec::new();
        while !effects.is_empty() {
            script.now_ms += answer_ms;
            let mut next = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Request { id, end, request } => {
                        if end == End::Source {
                            asked.push((script.now_ms, request.clone()));
                        }
                        let outcome = script.answer(end, &request);
                        next.extend(machine.answer(script.now_ms, id, outcome));
                    }
                    Effect::Finished(outcome) => {
                        let summary = outcome.unwrap();
                        assert_eq!(summary.body["history"][0]["source_instance"], "5");
                        return asked;
                    }
                    _ => {}
                }
            }
            effects = next;
        }
        panic!("it did not end");
    };
    let when = |asked: &[(u64, Request)], wanted: fn(&Request) -> bool| {
        let times: Vec<u64> =
            asked.iter().filter(|(_, request)| wanted(request)).map(|(at, _)| *at).collect();
        assert_eq!(times.len(), 1, "{asked:?}");
        times[0]
    };
    for (answer_ms, early) in [(100, true), (10, false)] {
        let asked = asked_of_the_source(answer_ms);
        let committed = when(&asked, |request| matches!(request, Request::EnsureFullCommit));
        let read = when(&asked, |request| matches!(request, Request::Documents { .. }));
        assert_eq!(committed <= read, early, "{answer_ms}");
    }
}
