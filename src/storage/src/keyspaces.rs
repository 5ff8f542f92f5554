//! The few keyspaces of the database and how each is laid out. A keyspace costs files, syncs and
//! a memtable, so what differs only by database shares one.

use fjall::config::{BlockSizePolicy, FilterPolicy, PartitioningPolicy};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions};

use crate::compaction;

/// A limit that no memtable reaches: the writer seals memtables itself, because fjall's own
/// request for it can fill the queue that its worker needs to serve it.
const UNREACHED_MEMTABLE_BYTES: u64 = 1 << 40;

/// Rows by sequence and bodies are read as scans: larger blocks make fewer of them and compress
/// better, and a single read still costs one page or two.
const SCANNED_BLOCK_BYTES: u32 = 8 * 1024;

/// Chunks above this size stand in files of their own and are not moved by compactions. All but
/// the last chunk of an attachment are larger.
const SEPARATED_CHUNK_BYTES: u32 = 4 * 1024;

/// A file of chunks is written anew without those that left once they are this part of it.
const STALE_PART: f32 = 0.25;

/// Files of any age are: the engine would else look at the oldest quarter only, and at none of
/// three.
const ALL_AGES: f32 = 1.0;

/// The handles of all keyspaces.
pub(crate) struct Keyspaces {
    /// Small records of the node.
    pub(crate) node: Keyspace,
    /// The registry, the counters and the settings of databases.
    pub(crate) databases: Keyspace,
    /// Document id → sequence and revision tree.
    pub(crate) documents: Keyspace,
    /// Sequence → document id, leaves, place of the winner's body.
    pub(crate) sequences: Keyspace,
    /// Sequence at which a revision was written → its body.
    pub(crate) bodies: Keyspace,
    /// Local id → opaque bytes.
    pub(crate) locals: Keyspace,
    /// Contents of attachments and who refers to them.
    pub(crate) attachments: Keyspace,
    /// The bytes of attachments.
    pub(crate) chunks: Keyspace,
    /// What perhaps has to leave, oldest first.
    pub(crate) garbage: Keyspace,
    /// Records of purges, and how far indexes have followed them.
    pub(crate) purges: Keyspace,
    /// When revisions expire.
    pub(crate) expiries: Keyspace,
    /// Documents that stand out: those with conflicts, tombstones with a body.
    pub(crate) outstanding: Keyspace,
    /// What can be read under each name and role, in databases with permissions on documents.
    pub(crate) readers: Keyspace,
}

impl Keyspaces {
    /// Opens them, making those that are missing.
    pub(crate) fn open(database: &Database) -> Result<Self, fjall::Error> {
        Ok(Self {
            node: database.keyspace("node", base)?,
            databases: database.keyspace("databases", base)?,
            documents: database.keyspace("documents", base)?,
            sequences: database.keyspace("sequences", sequences)?,
            bodies: database.keyspace("bodies", bodies)?,
            locals: database.keyspace("locals", base)?,
            attachments: database.keyspace("attachments", base)?,
            chunks: database.keyspace("chunks", chunks)?,
            garbage: database.keyspace("garbage", sequences)?,
            purges: database.keyspace("purges", base)?,
            expiries: database.keyspace("expiries", base)?,
            outstanding: database.keyspace("outstanding", base)?,
            readers: database.keyspace("readers", base)?,
        })
    }

    /// All of them.
    pub(crate) fn all(&self) -> [&Keyspace; 13] {
        [
            &self.node,
            &self.databases,
            &self.documents,
            &self.sequences,
            &self.bodies,
            &self.locals,
            &self.attachments,
            &self.chunks,
            &self.garbage,
            &self.purges,
            &self.expiries,
            &self.outstanding,
            &self.readers,
        ]
    }

    /// Whether each key of a keyspace is written once and removed once, so that a row and the mark
    /// of its removal may vanish together as soon as they meet.
    pub(crate) fn is_written_once(&self, keyspace: &Keyspace) -> bool {
        [&self.sequences, &self.bodies].contains(&keyspace)
    }

    /// Those whose rows begin with a database's number.
    pub(crate) fn of_databases(&self) -> [&Keyspace; 9] {
        [
            &self.documents,
            &self.sequences,
            &self.bodies,
            &self.locals,
            &self.attachments,
            &self.chunks,
            &self.purges,
            &self.outstanding,
            &self.readers,
        ]
    }
}

/// What each keyspace of the documents and of the indexes has in common. Where a table's filter and its index
/// are one block each, a read that does not find them in the cache reads hundreds of KiB for one row: they
/// come in parts, but for the first level, whose tables are few, small and hold theirs in memory.
pub(crate) fn laid_out() -> KeyspaceCreateOptions {
    let in_parts = || PartitioningPolicy::new([false, true]);
    KeyspaceCreateOptions::default()
        .filter_block_partitioning_policy(in_parts())
        .index_block_partitioning_policy(in_parts())
}

fn base() -> KeyspaceCreateOptions {
    laid_out().max_memtable_size(UNREACHED_MEMTABLE_BYTES).compaction_strategy(compaction::never())
}

/// Only scanned: filters would be built for nobody.
fn sequences() -> KeyspaceCreateOptions {
    base()
        .filter_policy(FilterPolicy::disabled())
        .data_block_size_policy(BlockSizePolicy::all(SCANNED_BLOCK_BYTES))
}

/// Read by a sequence that is known to be there: the last level needs no filter.
fn bodies() -> KeyspaceCreateOptions {
    base()
        .expect_point_read_hits(true)
        .data_block_size_policy(BlockSizePolicy::all(SCANNED_BLOCK_BYTES))
}

/// Kept apart from the keys and never compressed: what compresses well arrives gzipped.
fn chunks() -> KeyspaceCreateOptions {
    base().with_kv_separation(Some(
        KvSeparationOptions::default()
            .separation_threshold(SEPARATED_CHUNK_BYTES)
            .staleness_threshold(STALE_PART)
            .age_cutoff(ALL_AGES)
            .compression(CompressionType::None),
    ))
}
