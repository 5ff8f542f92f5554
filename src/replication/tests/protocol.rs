//! The machine against scripted ends: what it asks in which order, how it ends, and what it does
//! when an end fails. Convergence is the simulation's matter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the message"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use refuge_replication::{
    Answer, Carriage, ChangedDocument, ChangesPage, Checkpoint, Choice, Difference, DocumentsPage,
    Effect, End, EndFailure, EndFailureKind, EndPoint, Failure, FilterFunction, Information, Phase,
    Refusal, Replication, ReplicationId, ReplicationIdentity, Request, RequestId, Selection,
    Settings, Summary, Wanted,
};
use serde_json::{Value, json};

type Outcome = Result<Answer, EndFailure>;

/// Two ends with one changed document at the source.
struct Script {
    settings: Settings,
    /// What is asked, in order: `source Information`.
    asked: Vec<String>,
    /// Answers that differ from the usual, by what is asked; used up one after another.
    instead: BTreeMap<&'static str, Vec<Outcome>>,
    written: Vec<Value>,
    /// Under which names checkpoints were asked for.
    local_ids: Vec<String>,
    now_ms: u64,
}

impl Script {
    fn new() -> Self {
        let end = |name: &str| EndPoint::Local(name.to_owned());
        let id = ReplicationId::of(ReplicationIdentity {
            node_uuid: "node",
            source: &end("a"),
            target: &end("b"),
            continuous: false,
            create_target: false,
            strip: false,
            selection: &Selection::default(),
            since: None,
        });
        let mut settings = Settings::once(id, "session".to_owned(), 0);
        settings.source_name = "a".to_owned();
        settings.target_name = "b".to_owned();
        Self {
            settings,
            asked: Vec::new(),
            instead: BTreeMap::new(),
            written: Vec::new(),
            local_ids: Vec::new(),
            now_ms: 0,
        }
    }

    fn instead(mut self, asked: &'static str, outcomes: impl IntoIterator<Item = Outcome>) -> Self {
        self.instead.entry(asked).or_default().extend(outcomes);
        self
    }

    /// Runs to the end, answering at once, jumping to where the machine wants to be woken.
    fn run(&mut self) -> Result<Summary, Failure> {
        let mut machine = Replication::new(self.settings.clone());
        let mut effects = machine.start(0);
        loop {
            let mut next = Vec::new();
            let mut wake = None;
            for effect in effects {
                match effect {
                    Effect::Request { id, end, request } => {
                        let outcome = self.answer(end, &request);
                        next.extend(machine.answer(self.now_ms, id, outcome));
                    }
                    Effect::Wake { after_ms } => wake = Some(after_ms),
                    Effect::Refused(refused) => {
                        self.asked.push(format!("refused {}", refused.len()))
                    }
                    Effect::Finished(outcome) => {
                        assert_eq!(machine.status().phase, Phase::Finished);
                        return outcome;
                    }
                }
            }
            if next.is_empty() {
                self.now_ms += wake.unwrap_or(1_000);
                next = machine.elapsed(self.now_ms);
            }
            effects = next;
        }
    }

    fn answer(&mut self, end: End, request: &Request) -> Outcome {
        let text = format!("{request:?}");
        let name = text.split(|character: char| !character.is_alphanumeric()).next().unwrap();
        let asked = format!("{end} {name}");
        self.asked.push(asked.clone());
        if let Some(instead) = self.instead.get_mut(asked.as_str())
            && !instead.is_empty()
        {
            return instead.remove(0);
        }
        Ok(self.usual(request))
    }

    fn usual(&mut self, request: &Request) -> Answer {
        match request {
            Request::Information => Answer::Information(Information {
                update_sequence: "1-x".to_owned(),
                instance_start_time: "5".to_owned(),
                ttl: true,
            }),
            Request::CreateDatabase { .. } => Answer::Created,
            Request::DesignDocument { .. } => {
                Answer::DesignDocument(Some(json!({"filters": {"mine": "function () {}"}})))
            }
            Request::Checkpoint { local_id } => {
                self.local_ids.push(local_id.clone());
                Answer::Checkpoint(None)
            }
            Request::WriteCheckpoint { body, .. } => {
                self.written.push(body.clone());
                Answer::CheckpointWritten { revision: "0-1".to_owned() }
            }
            Request::Changes { .. } => Answer::Changes(page()),
            Request::RevisionsDiff { .. } => {
                let missing = vec!["1-a".parse().unwrap()];
                let difference = Difference { missing, possible_ancestors: Vec::new() };
                Answer::Differences(BTreeMap::from([("doc".to_owned(), difference)]))
            }
            Request::Documents { .. } => Answer::Documents(DocumentsPage {
                documents: vec![Bytes::from_static(b"{}")],
                ..DocumentsPage::default()
            }),
            Request::Store { .. } => Answer::Stored { refused: Vec::new() },
            Request::Carry { .. } => Answer::Carried(Carriage::Stored),
            Request::EnsureFullCommit => Answer::Committed { instance_start_time: "5".to_owned() },
        }
    }
}

fn page() -> ChangesPage {
    ChangesPage {
        rows: vec![ChangedDocument {
            sequence: "1-x".to_owned(),
            id: "doc".to_owned(),
            revisions: vec!["1-a".parse().unwrap()],
        }],
        last_sequence: "1-x".to_owned(),
        pending: Some(0),
        finished: true,
    }
}

fn failing(kind: EndFailureKind) -> Outcome {
    Err(EndFailure::of(kind, "because"))
}

fn broken() -> Outcome {
    Err(EndFailure::transient("connection reset"))
}

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
        let information = Information { ttl: true, ..Information::default() };
        let source = ask_of(End::Source).unwrap();
        let effects = machine.answer(2, source, Ok(Answer::Information(information)));
        let made = effects.iter().find_map(|effect| match effect {
            Effect::Request { request: Request::CreateDatabase { ttl, .. }, .. } => Some(*ttl),
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

/// A script whose replication is of chosen documents.
fn choosing(choice: Choice) -> Script {
    let mut script = Script::new();
    script.settings.selection = Arc::new(Selection { choice, winners_only: false });
    script
}

fn filtered() -> Script {
    choosing(Choice::Function(FilterFunction {
        design: "app".to_owned(),
        name: "mine".to_owned(),
        is_view: false,
        parameters: BTreeMap::new(),
    }))
}

fn design(code: &str) -> Outcome {
    Ok(Answer::DesignDocument(Some(json!({"filters": {"mine": code}}))))
}

#[test]
fn a_stretch_of_which_nothing_passes_moves_the_checkpoint_on() {
    let page = |last: &str, finished| {
        let (last_sequence, pending) = (last.to_owned(), None);
        Ok(Answer::Changes(ChangesPage { rows: Vec::new(), last_sequence, pending, finished }))
    };
    let pages = || [page("500-x", false), page("900-x", true)];
    let mut script =
        choosing(Choice::Documents(vec!["a".to_owned()])).instead("source Changes", pages());
    let summary = script.run().unwrap();
    assert_eq!(summary.body["source_last_seq"], "900-x");
    assert_eq!(script.written.len(), 2);
    // Where all is replicated there is nothing to tell.
    let mut script = Script::new().instead("source Changes", pages());
    assert_eq!(script.run().unwrap().body["no_changes"], true);
    assert_eq!(script.written.len(), 0);
}

#[test]
fn the_code_of_a_function_that_filters_names_the_checkpoints() {
    let mut script = filtered();
    script.run().unwrap();
    let asked: Vec<&str> = script.asked.iter().take(4).map(String::as_str).collect();
    let expected =
        ["source Information", "target Information", "source DesignDocument", "source Checkpoint"];
    assert_eq!(asked, expected);
    let another = || design("another");
    let mut other = filtered().instead("source DesignDocument", [another(), another()]);
    other.run().unwrap();
    assert_ne!(script.local_ids[0], other.local_ids[0]);
    assert_ne!(script.local_ids[0], script.settings.id.local_id());
    let mut all = Script::new();
    all.run().unwrap();
    assert_eq!(all.local_ids[0], all.settings.id.local_id());
}

#[test]
fn a_function_that_is_changed_makes_it_begin_anew() {
    let designs = ["one", "two", "two", "two"].map(design);
    let mut script = filtered().instead("source DesignDocument", designs);
    script.run().unwrap();
    assert_ne!(script.local_ids.first(), script.local_ids.last());
}

#[test]
fn a_filter_that_is_not_there_ends_it() {
    for (answer, reason) in [
        (Answer::DesignDocument(None), "a has no design document `_design/app`"),
        (Answer::DesignDocument(Some(json!({}))), "a has no filter `mine` in `_design/app`"),
    ] {
        let failure = filtered().instead("source DesignDocument", [Ok(answer)]).run().unwrap_err();
        assert_eq!((failure.status(), failure.error()), (404, "not_found"));
        assert_eq!(failure.to_string(), reason);
    }
}

#[test]
fn a_sequence_to_begin_behind_counts_where_there_is_no_checkpoint() {
    let begun = |script: Script| {
        let mut machine = Replication::new(script.settings.clone());
        let mut script = script;
        let mut effects = machine.start(0);
        loop {
            let mut next = Vec::new();
            for effect in effects {
                let Effect::Request { id, end, request } = effect else { continue };
                if let Request::Changes { since, .. } = &request {
                    return since.clone();
                }
                let outcome = script.answer(end, &request);
                next.extend(machine.answer(0, id, outcome));
            }
            effects = next;
        }
    };
    let since = |script: Script| {
        let mut script = script;
        script.settings.since = Some("70-x".to_owned());
        script
    };
    assert_eq!(begun(Script::new()), "0");
    assert_eq!(begun(since(Script::new())), "70-x");
    let log = json!({"history": [{"session_id": "old", "recorded_seq": "90-x"}]});
    let found = || {
        Ok(Answer::Checkpoint(Some(Checkpoint { revision: "0-1".to_owned(), body: log.clone() })))
    };
    let resumed = Script::new()
        .instead("source Checkpoint", [found()])
        .instead("target Checkpoint", [found()]);
    assert_eq!(begun(since(resumed)), "90-x");
}
