//! Runs of all documents: in what order is asked, how a run ends, and what is done when an end fails.

use refuge_replication::{
    Answer, Effect, End, EndFailureKind, Failure, Information, Replication, Request, RequestId,
};
use serde_json::{Value, json};

use crate::script::{Script, broken, failing};

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
    // Who both are, and for their checkpoints: each once.
    assert_eq!(script.asked.len(), 4);
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
fn a_retry_after_is_waited_for() {
    let kind = EndFailureKind::Transient { retry_after_ms: Some(90_000) };
    for asked in ["source Changes", "target Store", "source Documents", "target RevisionsDiff"] {
        let mut script = Script::new().instead(asked, [failing(kind)]);
        script.run().unwrap();
        assert!((90_000..100_000).contains(&script.now_ms), "{asked}: {}", script.now_ms);
    }
}
