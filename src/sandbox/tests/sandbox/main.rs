//! Design functions as their callers see them: what they answer, and what they cannot do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "all of it is test code, of which clippy recognises only the test functions"
)]

mod compiling;
mod exhaustion;
mod filters;
mod fixture;
mod guards;
mod lists;
mod maps;
mod modules;
mod reductions;
mod requests;
mod security;
mod validations;
