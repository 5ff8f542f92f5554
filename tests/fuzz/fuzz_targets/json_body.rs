//! Documents and bulk requests: nothing panics, and what was normalised stays as it is when it is read
//! again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_document::json::normalise;
use refuge_document::{parse_bulk, parse_document};

fuzz_target!(|text: &[u8]| {
    if let Ok(once) = normalise(text) {
        let twice = normalise(&once).expect("what was normalised is JSON");
        assert_eq!(once, twice);
        serde_json::from_slice::<serde_json::Value>(&once).expect("what was normalised is JSON");
    }
    if let Ok(document) = parse_document(text) {
        normalise(document.body.as_bytes()).expect("a body is JSON");
    }
    let _ = parse_bulk(text);
});
