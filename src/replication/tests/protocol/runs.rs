//! Runs of all documents: in what order is asked, how a run ends, and what is done when an end fails.

use bytes::Bytes;
use refuge_replication::{
    Answer, Carriage, ChangesPage, Checkpoint, DocumentsPage, Effect, End, EndFailure,
    EndFailureKind, Failure, Information, Refusal, Replication, Request, RequestId, Wanted,
};
use serde_json::{Value, json};

use crate::script::{Script, broken, failing, page};

#[test]
fn a_run_asks_in_the_order_of_the_protocol_and_answers_as_couchdb() {
    let mut script = Script::new();
    let summary = script.run().unwrap();
    assert_eq!(
        script.asked,
        [
            "source Information",
            "target Information",
            "source Checkpoint",
            "target Checkpoint",
            "source Changes",
            "target RevisionsDiff",
            "source Documents",
            "target Store",
            "source EnsureFullCommit",
            "target EnsureFullCommit",
            "source WriteCheckpoint",
            "target WriteCheckpoint",
        ]
    );
    assert_eq!(
        Value::Object(summary.body),
        json!({
            "ok": true,
            "session_id": "session",
            "source_last_seq": "1-x",
            "replication_id_version": 4,
            "history": [{
                "session_id": "session",
                "start_time": "Thu, 01 Jan 1970 00:00:00 GMT",
                "end_time": "Thu, 01 Jan 1970 00:00:00 GMT",
                "start_last_seq": "0",
                "end_last_seq": "1-x",
                "recorded_seq": "1-x",
                "missing_checked": 1,
                "missing_found": 1,
                "docs_read": 1,
                "docs_written": 1,
                "doc_write_failures": 0,
                "source_instance": "5",
                "target_instance": "5",
            }],
        })
    );
    assert_eq!(script.written[0], script.written[1]);
}

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
fn a_missing_source_ends_it_as_db_not_found() {
    let missing = failing(EndFailureKind::DatabaseMissing);
    let failure = Script::new().instead("source Information", [missing]).run().unwrap_err();
    assert_eq!((failure.status(), failure.error()), (404, "db_not_found"));
    assert_eq!(failure.to_string(), "could not open a: there is no such database");
}

#[test]
fn a_missing_target_is_made_where_that_is_wanted() {
    let missing = || failing(EndFailureKind::DatabaseMissing);
    let mut script = Script::new().instead("target Information", [missing()]);
    script.settings.create_target = true;
    script.run().unwrap();
    assert!(script.asked.contains(&"target CreateDatabase".to_owned()));
    let failure = Script::new().instead("target Information", [missing()]).run().unwrap_err();
    assert_eq!(failure.end(), End::Target);
}

#[test]
fn a_target_is_not_made_for_a_source_that_is_not_there() {
    let missing = || failing(EndFailureKind::DatabaseMissing);
    let mut script = Script::new()
        .instead("target Information", [missing()])
        .instead("source Information", [missing()]);
    script.settings.create_target = true;
    assert_eq!(script.run().unwrap_err().end(), End::Source);
    assert!(!script.asked.contains(&"target CreateDatabase".to_owned()));
}

#[test]
fn a_target_is_made_for_documents_that_expire_where_the_source_has_them() {
    for (strip, expected) in [(false, true), (true, false)] {
        let mut settings = Script::new().settings;
        (settings.create_target, settings.strip) = (true, strip);
        let mut machine = Replication::new(settings);
        let opened = machine.start(0);
        let ask_of = |wanted: End| {
            opened.iter().find_map(|effect| match effect {
                Effect::Request { id, end, .. } if *end == wanted => Some(*id),
                _ => None,
            })
        };
        let missing = failing(EndFailureKind::DatabaseMissing);
        assert!(
            machine
                .answer(1, ask_of(End::Target).unwrap(), missing)
                .iter()
                .all(|effect| !matches!(effect, Effect::Request { .. })),
            "it waits for what the source says"
        );
        let information = Information { ttl: true, access: true, ..Information::default() };
        let source = ask_of(End::Source).unwrap();
        let effects = machine.answer(2, source, Ok(Answer::Information(information)));
        let made = effects.iter().find_map(|effect| match effect {
            Effect::Request { request: Request::CreateDatabase { ttl, access, .. }, .. } => {
                assert_eq!(ttl, access);
                Some(*ttl)
            }
            _ => None,
        });
        assert_eq!(made, Some(expected));
    }
}

#[test]
fn wrong_credentials_are_not_tried_again() {
    let mut script =
        Script::new().instead("source Information", [failing(EndFailureKind::Unauthorized)]);
    let failure = script.run().unwrap_err();
    assert_eq!(failure.status(), 401);
    assert_eq!(script.asked.len(), 2);
}

#[test]
fn broken_connections_are_tried_again_with_growing_pauses_and_an_end() {
    let mut script = Script::new().instead("target Store", (0..5).map(|_| broken()));
    script.run().unwrap();
    // 250 + 500 + 1,000 + 2,000 + 4,000 ms.
    assert_eq!(script.now_ms, 7_750);
    let mut script = Script::new().instead("target Store", (0..6).map(|_| broken()));
    let failure = script.run().unwrap_err();
    assert!(matches!(failure, Failure::Exhausted { end: End::Target, attempts: 6, .. }));
}

#[test]
fn what_an_end_asks_for_with_retry_after_is_obeyed() {
    let slower = failing(EndFailureKind::Transient { retry_after_ms: Some(30_000) });
    let mut script = Script::new().instead("source Changes", [slower]);
    script.run().unwrap();
    assert_eq!(script.now_ms, 30_000);
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
fn refused_documents_are_counted_and_told() {
    let refusal =
        Refusal { id: "doc".to_owned(), error: "forbidden".to_owned(), reason: "no".to_owned() };
    let refused = Ok(Answer::Stored { refused: vec![refusal] });
    let mut script = Script::new().instead("target Store", [refused]);
    let summary = script.run().unwrap();
    assert_eq!(summary.statistics.doc_write_failures, 1);
    assert_eq!(summary.statistics.docs_written, 0);
    assert!(script.asked.contains(&"refused 1".to_owned()));
}

#[test]
fn large_revisions_are_carried_after_the_rest_of_their_page_is_stored() {
    let wanted = |revision: &str| Wanted {
        id: "doc".to_owned(),
        revisions: vec![revision.parse().unwrap()],
        possible_ancestors: Vec::new(),
    };
    let page = DocumentsPage {
        documents: vec![Bytes::from_static(b"{}")],
        carried: vec![wanted("1-a"), wanted("1-b"), wanted("1-c")],
        ..DocumentsPage::default()
    };
    let refusal =
        Refusal { id: "doc".to_owned(), error: "forbidden".to_owned(), reason: "no".to_owned() };
    let mut script =
        Script::new().instead("source Documents", [Ok(Answer::Documents(page))]).instead(
            "target Carry",
            [
                Err(EndFailure::transient("broken off")),
                Ok(Answer::Carried(Carriage::Gone)),
                Ok(Answer::Carried(Carriage::Refused(refusal))),
            ],
        );
    let summary = script.run().unwrap();
    let carries = script.asked.iter().filter(|asked| *asked == "target Carry");
    assert_eq!(carries.count(), 4, "one was broken off and repeated");
    let statistics = summary.statistics;
    assert_eq!((statistics.docs_read, statistics.docs_written), (3, 2));
    assert_eq!(statistics.doc_write_failures, 1);
}

#[test]
fn a_document_whose_stub_the_target_lacks_is_carried_whole() {
    let document = Bytes::from_static(br#"{"_id":"doc","_rev":"2-b"}"#);
    let page = DocumentsPage { documents: vec![document], ..DocumentsPage::default() };
    let refusal =
        Refusal { id: "doc".to_owned(), error: "missing_stub".to_owned(), reason: "x".to_owned() };
    let refused = Ok(Answer::Stored { refused: vec![refusal] });
    let mut script = Script::new()
        .instead("source Documents", [Ok(Answer::Documents(page))])
        .instead("target Store", [refused]);
    let statistics = script.run().unwrap().statistics;
    assert!(script.asked.contains(&"target Carry".to_owned()));
    assert_eq!((statistics.docs_written, statistics.doc_write_failures), (1, 0));
}

#[test]
fn an_answer_to_something_else_ends_it() {
    let mut script = Script::new().instead("source Changes", [Ok(Answer::Created)]);
    assert!(matches!(script.run(), Err(Failure::Permanent { end: End::Source, .. })));
}

#[test]
fn answers_that_nobody_waits_for_are_ignored() {
    let mut machine = Replication::new(Script::new().settings);
    assert!(machine.answer(0, RequestId(1), Ok(Answer::Created)).is_empty());
    machine.start(0);
    assert!(machine.answer(1, RequestId(99), Ok(Answer::Created)).is_empty());
    assert!(machine.start(2).is_empty());
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

/// The question whether the one document is there.
fn compared() -> Request {
    let revisions = vec!["1-a".parse().unwrap()];
    Request::RevisionsDiff { revisions: [("doc".to_owned(), revisions)].into() }
}

#[test]
fn what_a_request_stored_whose_answer_was_lost_is_not_sent_again() {
    let stored = Ok(Answer::Differences(Default::default()));
    let lacking = Script::new().usual(&compared());
    let document = Bytes::from_static(br#"{"_id":"doc","_rev":"1-a"}"#);
    let fetched = || {
        let documents = vec![document.clone()];
        Ok(Answer::Documents(DocumentsPage { documents, ..DocumentsPage::default() }))
    };
    let mut script = Script::new()
        .instead("source Documents", [fetched()])
        .instead("target Store", [broken()])
        .instead("target RevisionsDiff", [Ok(lacking), stored]);
    let summary = script.run().unwrap();
    assert_eq!(script.asked.iter().filter(|asked| *asked == "target Store").count(), 1);
    assert_eq!(summary.statistics.docs_written, 1);

    let mut script = Script::new()
        .instead("source Documents", [fetched()])
        .instead("target Store", [broken(), broken()]);
    let summary = script.run().unwrap();
    assert_eq!(script.asked.iter().filter(|asked| *asked == "target Store").count(), 3);
    assert_eq!(summary.statistics.docs_written, 1, "it is sent while it is lacking");
}

#[test]
fn a_carriage_whose_answer_was_lost_is_not_repeated_where_it_arrived() {
    let carried = Wanted {
        id: "doc".to_owned(),
        revisions: vec!["1-a".parse().unwrap()],
        possible_ancestors: Vec::new(),
    };
    let fetched =
        Answer::Documents(DocumentsPage { carried: vec![carried], ..DocumentsPage::default() });
    let lacking = Script::new().usual(&compared());
    let mut script = Script::new()
        .instead("source Documents", [Ok(fetched)])
        .instead("target Carry", [broken()])
        .instead(
            "target RevisionsDiff",
            [Ok(lacking), Ok(Answer::Differences(Default::default()))],
        );
    let summary = script.run().unwrap();
    assert_eq!(script.asked.iter().filter(|asked| *asked == "target Carry").count(), 1);
    assert_eq!(summary.statistics.docs_written, 1);
}

#[test]
fn a_retry_after_is_waited_for() {
    let kind = EndFailureKind::Transient { retry_after_ms: Some(90_000) };
    for asked in ["source Changes", "target Store", "source Documents", "target RevisionsDiff"] {
        let mut script = Script::new().instead(asked, [failing(kind)]);
        script.run().unwrap();
        assert!((90_000..100_000).contains(&script.now_ms), "{asked}: {}", script.now_ms);
    }
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
