//! Multipart bodies: however the bytes are cut, the parts are the same. The first byte tells how long
//! the pieces are, the rest is the body, whose boundary is `b`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_http::fuzzing::multipart;

fuzz_target!(|input: &[u8]| {
    let Some((step, body)) = input.split_first() else { return };
    let whole = multipart("b", &[body]);
    let pieces: Vec<&[u8]> = body.chunks(usize::from(*step).max(1)).collect();
    assert_eq!(whole, multipart("b", &pieces));
});
