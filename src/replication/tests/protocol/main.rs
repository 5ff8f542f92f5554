//! The machine against scripted ends: what it asks in which order, how it ends, and what it does
//! when an end fails. Convergence is the simulation's matter.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the message"
)]

mod checkpoints;
mod choosing;
mod runs;
mod script;
mod storing;
