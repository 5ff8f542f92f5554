//! The storage engine as its callers see it: commits, reads, counters, lifetimes, damage.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "all of it is test code, of which clippy recognises only the test functions"
)]

mod attachments;
mod commits;
mod counters;
mod damage;
mod disk;
mod dropping;
mod expiries;
mod fixture;
mod garbage;
mod lifetimes;
mod node_records;
mod purges;
mod reading;
mod resumable;
