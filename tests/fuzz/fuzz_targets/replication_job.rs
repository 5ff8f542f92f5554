//! Bodies of `_replicate` and documents of `_replicator`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_replication::parse_replicate_request;

fuzz_target!(|text: &[u8]| {
    if let Ok(request) = serde_json::from_slice::<serde_json::Value>(text) {
        let _ = parse_replicate_request(&request);
    }
});
