//! Documents and bulk requests: nothing panics, what is taken means what `serde_json` understands, and
//! what was normalised stays as it is when it is read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_document::json::normalise;
use refuge_document::{parse_bulk, parse_document};
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let meaning = serde_json::from_slice::<Value>(text);
    match normalise(text) {
        Ok(once) => {
            let twice = normalise(&once).expect("what was normalised is JSON");
            assert_eq!(once, twice);
            // `serde_json` refuses what is nested more than 128 times.
            if let Ok(meaning) = meaning {
                let again = serde_json::from_slice::<Value>(&once).expect("still JSON");
                assert_eq!(meaning, again);
            }
        }
        Err(error) => assert!(meaning.is_err(), "refused though it is JSON: {error}"),
    }
    if let Ok(document) = parse_document(text) {
        let body = document.body.as_bytes();
        assert_eq!(normalise(body).expect("a body is JSON"), body);
    }
    let _ = parse_bulk(text);
});
