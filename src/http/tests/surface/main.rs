//! The HTTP surface over a real connection, in front of a node that keeps everything in memory.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails in a test's own machinery fails the test"
)]

mod access;
mod all_documents;
mod attachments;
mod bodies;
mod bulk;
mod changes;
mod client;
mod connections;
mod databases;
mod documents;
mod forms;
mod locals;
mod memory;
mod node_events;
mod peer_streams;
mod peers;
mod related;
mod scheduler;
