//! What is done with documents: those that are refused, carried, or stored by a request whose answer was lost.

use bytes::Bytes;
use refuge_replication::{
    Answer, Carriage, DocumentsPage, EndFailure, Refusal, Request, Settings, Wanted,
};

use crate::script::{Script, broken};

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
fn after_an_answer_that_broke_off_less_is_asked_for_however_fast_it_came() {
    let limits = |broke_off| {
        let remaining = Wanted {
            id: "doc".to_owned(),
            revisions: vec!["1-a".parse().unwrap()],
            possible_ancestors: Vec::new(),
        };
        let page = DocumentsPage {
            documents: vec![Bytes::from_static(b"{}")],
            remaining: vec![remaining],
            broke_off,
            ..DocumentsPage::default()
        };
        let mut script = Script::new().instead("source Documents", [Ok(Answer::Documents(page))]);
        script.run().unwrap();
        script.limits_bytes
    };
    let usual = Settings::BATCH_BYTES;
    assert_eq!(limits(true), [usual, usual / 2]);
    assert_eq!(limits(false), [usual, usual]);
}
