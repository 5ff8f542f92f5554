//! Multipart bodies: however the bytes are cut, the parts are the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_http::fuzzing::multipart;

fuzz_target!(|input: (u8, &[u8])| {
    let (step, body) = input;
    let whole = multipart("b", &[body]);
    let pieces: Vec<&[u8]> = body.chunks(usize::from(step).max(1)).collect();
    assert_eq!(whole, multipart("b", &pieces));
});
