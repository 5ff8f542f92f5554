//! Refuge's records on disk: one fjall database, one writer, weak readers.
//!
//! What lives here: the layout of every stored record, the [`Engine`] that owns the database and
//! commits groups of [`Operation`]s, the [`Store`] and [`Snapshot`] that read it, and the checks
//! made before a data directory is opened. Everything blocks: callers run it on threads of their
//! own, never on an executor's.
//!
//! What must not live here: actors, tokio, clocks and randomness, HTTP, and any rule about
//! revisions or conflicts (those are `refuge-document`'s; a revision tree is opaque bytes here).

mod backup;
mod check;
mod compaction;
mod database;
mod engine;
mod error;
mod expiry;
mod format;
mod index;
mod journal;
mod keys;
mod keyspaces;
mod lock;
mod memory;
mod moments;
mod operation;
mod options;
mod purge;
mod records;
mod resumable;
mod snapshot;
mod space;
mod store;
mod tables;
mod tree_files;
mod unfinished;

pub use backup::{
    Backup, BackupBlock, BackupMoment, RestoreError, Restoring, place_behind, settle,
    unfinished_restore,
};
pub use check::{Checked, check};
pub use database::{DatabaseId, DatabaseInformation, DatabaseOptions, DatabaseRecord};
pub use engine::{Collected, Engine};
pub use error::{CommitError, OpenError, StorageError};
pub use expiry::ExpiryRow;
pub use format::{FORMAT, format_of};
pub use index::{
    IndexChange, IndexDefinition, IndexEngine, IndexNumber, IndexOptions, IndexRange, IndexRecord,
    IndexRows, IndexSnapshot, IndexState, IndexStore, IndexTable, IndexWrite,
};
pub use operation::{
    BodyRecord, Committed, DocumentWrite, DocumentsWrite, LocalWrite, MAXIMUM_ID_BYTES,
    NewDatabase, NodeWrite, Operation, Outcome, Previous, ReadersWrite,
};
pub use options::Options;
pub use purge::{
    DocumentPurge, PurgeChange, PurgeCommitted, PurgeRecord, PurgeState, PurgeWrite, TimeMark,
    TombstoneState,
};
pub use records::{ContentRecord, DocumentRecord, ReaderState};
pub use resumable::{ResumableUpload, UploadBound, UploadBounds, UploadStep, UploadWrite};
pub use snapshot::{
    ChangeRange, Changes, ChangesWithBodies, Conflicts, DatabaseRange, DocumentRange, Documents,
    DueGarbage, EVERYBODY, GarbagePlace, GarbageRange, Locals, ReaderChange, ReaderChanges,
    ReaderDocuments, Snapshot,
};
pub use space::FreeSpace;
pub use store::{NodeRange, Store, UpkeepFigures};

/// Version of the engine that holds the tables and the journal.
pub const ENGINE_VERSION: &str = "3.1.13";
