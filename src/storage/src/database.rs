//! What a database is to the storage: its number, its registry entry, its counters.

use crate::purge::TombstoneState;

/// Revisions kept on a path where a database sets no limit of its own (CouchDB's default).
pub(crate) const DEFAULT_REVISIONS_LIMIT: u32 = 1000;

/// The number that stands in front of every key of a database. Never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DatabaseId(pub u32);

impl std::fmt::Display for DatabaseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A database's entry in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseRecord {
    /// Its number.
    pub id: DatabaseId,
    /// Its name.
    pub name: String,
    /// Number of shards (CouchDB's `q`).
    pub shards: u16,
    /// Opaque part of its update sequences: another after it was deleted and created again.
    pub instance: [u8; 16],
    /// When it was created, in milliseconds since 1970 (UTC).
    pub created_unix_ms: u64,
    /// Whether each document's id names the partition that it belongs to.
    pub partitioned: bool,
    /// Whether its documents say who may read them (`_access`).
    pub access: bool,
}

/// What may be set for a database beside CouchDB's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// Whether its documents may have `_expires`.
    pub time_to_live: bool,
    /// How long tombstones are kept, in milliseconds; 0 for ever; `None` as the node keeps them.
    pub tombstone_ms: Option<u64>,
}

/// A database's counters and limits, all of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseInformation {
    /// The last sequence given, 0 for none.
    pub update_sequence: u64,
    /// Documents whose winner is not deleted.
    pub documents: u64,
    /// Documents whose winner is deleted.
    pub deleted_documents: u64,
    /// Bytes of the rows that the present documents need: rows by id and by sequence, and the
    /// winners' bodies. Before compression; local documents and attachments' bytes left out.
    pub active_bytes: u64,
    /// Bytes of the winners' bodies and of their attachments (as the client sent them).
    pub external_bytes: u64,
    /// Revisions kept on a path.
    pub revisions_limit: u32,
    /// The last purge sequence given, 0 for none.
    pub purge_sequence: u64,
    /// How far its tombstones have been purged.
    pub tombstones: TombstoneState,
}

/// What the writer counts for each database; the row of it is written with every change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) update_sequence: u64,
    pub(crate) documents: u64,
    pub(crate) deleted_documents: u64,
    pub(crate) active_bytes: u64,
    pub(crate) external_bytes: u64,
}

impl Counters {
    /// What the database weighs against others when they share what the node takes on disk.
    pub(crate) fn weight(&self) -> u64 {
        self.active_bytes.max(self.external_bytes)
    }
}
