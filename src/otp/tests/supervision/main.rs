//! Supervision as actors live it: real trees on a real runtime, every wait on an event with a deadline.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod chaos;
mod dynamic;
mod metrics;
mod names;
mod order;
mod parking;
mod restarts;
mod shutdown;
mod stage;
