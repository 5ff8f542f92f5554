//! Runs of chosen documents: whose checkpoints they have, and where they begin.

use std::collections::BTreeMap;
use std::sync::Arc;

use refuge_replication::{
    Answer, ChangesPage, Checkpoint, Choice, Effect, FilterFunction, Replication, Request,
    Selection,
};
use serde_json::json;

use crate::script::{Outcome, Script};

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
