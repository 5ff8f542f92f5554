//! Query strings and the parameters in them.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| refuge_http::fuzzing::query(text));
