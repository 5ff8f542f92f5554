//! Ids, names, revisions, sequences, and the paths that hold them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_document::{
    Revision, check_attachment_name, check_database_name, check_document_id, parse_digest,
    parse_sequence,
};

fuzz_target!(|text: &str| {
    let _ = (check_database_name(text), check_document_id(text), check_attachment_name(text));
    let _ = (parse_sequence(text), parse_digest(text));
    if let Ok(revision) = text.parse::<Revision>() {
        let again = revision.to_string().parse::<Revision>().expect("its own text");
        assert_eq!(revision, again);
    }
    refuge_http::fuzzing::path(text);
});
