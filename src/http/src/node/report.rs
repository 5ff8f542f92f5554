//! What a node tells of itself, and of its databases without opening them.

use std::ops::Bound;

use super::{DatabaseOptions, Information};

/// What is asked of the node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeReport {
    /// `_versions`: what it is made of.
    Versions,
    /// `_stats`: what it counted, in CouchDB's shape.
    Statistics,
    /// `_system`: memory, actors, queues.
    System,
}

/// Which names of databases are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseNamesRequest {
    /// The lowest name.
    pub low: Bound<String>,
    /// The highest name.
    pub high: Bound<String>,
    /// From the highest down.
    pub descending: bool,
    /// Most names in the page.
    pub limit: usize,
}

/// What is told of a database that nobody opened.
#[derive(Clone, Debug)]
pub struct DatabaseDescription {
    /// The opaque part of its update sequences.
    pub instance: String,
    /// What is set for it.
    pub options: DatabaseOptions,
    /// Counts and sizes.
    pub information: Information,
}
