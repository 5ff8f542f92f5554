//! Bodies of `_replicate` and documents of `_replicator`: an address that was read is read again as
//! the same, and is never told with its credentials.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_replication::{EndPoint, ReplicateRequest, parse_replicate_request};
use serde_json::{Value, json};

fuzz_target!(|text: &[u8]| {
    let Ok(request) = serde_json::from_slice::<Value>(text) else { return };
    let Ok(ReplicateRequest::Start(job)) = parse_replicate_request(&request) else { return };
    for end in [&job.source, &job.target] {
        let EndPoint::Remote(address) = end else { continue };
        let again = json!({ "source": address.url, "target": "again" });
        let Ok(ReplicateRequest::Start(again)) = parse_replicate_request(&again) else {
            panic!("{} is read only once", address.url)
        };
        let EndPoint::Remote(again) = again.source else { panic!("no address any more") };
        assert_eq!(again.url, address.url);
        assert!(again.credentials.is_none(), "{} holds credentials", address.url);
    }
});
