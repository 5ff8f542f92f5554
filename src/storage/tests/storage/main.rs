//! The storage engine as its callers see it: commits, reads, counters, lifetimes, damage.

mod attachments;
mod commits;
mod counters;
mod dropping;
mod fixture;
mod lifetimes;
mod reading;
