//! The HTTP surface over a real connection, in front of a node that keeps everything in memory.

mod access;
mod attachments;
mod client;
mod connections;
mod databases;
mod documents;
mod locals;
mod memory;
mod related;
