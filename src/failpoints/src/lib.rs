//! Named places at which a test may end the process as SIGKILL does, so that each moment between two
//! writes is tried and not only those that chance finds. A release build holds nothing of it.
//!
//! What must not live here: anything else that a test could want to change in a node.
//!
//! A debug build whose environment names a file in [`VARIABLE`] looks into that file at each place it
//! passes. While it holds `NAME NUMBER`, the process ends when it passes the place of that name so
//! often; counting begins when the file has changed, so a test arms it once its load is under way.

#[cfg(debug_assertions)]
mod armed;

/// The environment variable that names the file.
pub const VARIABLE: &str = "REFUGE_FAILPOINTS";

macro_rules! places {
    ($($(#[$told:meta])* $place:ident = $name:literal,)*) => {
        /// A place.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Failpoint {
            $($(#[$told])* $place,)*
        }

        impl Failpoint {
            /// All of them: what a test takes in turn.
            pub const ALL: &[Self] = &[$(Self::$place,)*];

            /// Its name in the file.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$place => $name,)*
                }
            }
        }
    };
}

places! {
    /// A group's batch is about to be written.
    BatchBegins = "batch-begins",
    /// A part of the batch is in the journal's file; the rest is in this process's memory.
    BatchTorn = "batch-torn",
    /// The batch is in the journal's file, but was not synced.
    BatchUnsynced = "batch-unsynced",
    /// The batch was synced; nobody was told.
    BatchSynced = "batch-synced",
    /// One of those who wait for a group was answered, and no other.
    ReplyGiven = "reply-given",
    /// All who waited for a group were answered.
    RepliesEnd = "replies-end",
    /// Memtables are about to be sealed: their marks are written.
    SealMarked = "seal-marked",
    /// One of several memtables was sealed.
    SealHalf = "seal-half",
    /// Memtables were sealed; their flush is under way.
    SealEnd = "seal-end",
    /// A flush is being waited for.
    FlushAwaited = "flush-awaited",
    /// What rested was flushed, so journals were given back.
    RestFlushed = "rest-flushed",
    /// A compaction is in the middle of its rows.
    MergeHalf = "merge-half",
    /// A merge of tables came to its end.
    MergeEnd = "merge-end",
    /// One step of a compaction that gives disk back came to its end.
    GiveBackStep = "give-back-step",
    /// Old versions of one keyspace's tables were dropped, and of no other.
    OldVersionsHalf = "old-versions-half",
    /// A slice of garbage is about to be removed.
    GarbageBegins = "garbage-begins",
    /// A slice of garbage was removed, without a sync.
    GarbageEnd = "garbage-end",
    /// Some rows of a deleted database are about to be removed.
    DropBegins = "drop-begins",
    /// Some rows of a deleted database were removed, without a sync.
    DropEnd = "drop-end",
    /// A purge is in its group's batch, which is not written yet.
    PurgeApplied = "purge-applied",
    /// Tombstones were purged; that it came so far is not noted yet.
    TombstonesPurged = "tombstones-purged",
    /// What was due has its tombstones; its rows of the expiry index are still there.
    ExpiryTombstones = "expiry-tombstones",
    /// A chunk of an attachment was stored.
    ChunkStored = "chunk-stored",
    /// An attachment has its address; no document refers to it yet.
    UploadAddressed = "upload-addressed",
    /// A database was made; nobody was told.
    DatabaseCreated = "database-created",
    /// A database was deleted; nobody was told.
    DatabaseDeleted = "database-deleted",
    /// The new `etc/local.toml` is written beside the old one.
    SettingsWritten = "settings-written",
    /// The new `etc/local.toml` stands in the place of the old one.
    SettingsReplaced = "settings-replaced",
    /// An ordered end: all is flushed, and the journals are still full.
    CloseFlushed = "close-flushed",
    /// An ordered end: one journal was emptied.
    JournalEmptied = "journal-emptied",
    /// A start: the files were checked, and nothing is opened yet.
    StartChecked = "start-checked",
    /// A start: what was committed is recovered, and nothing runs yet.
    StartRecovered = "start-recovered",
}

/// Passes a place: ends the process if a test wants it to end here.
#[inline(always)]
pub fn pass(place: Failpoint) {
    if is_due(place) {
        end();
    }
}

/// Passes a place, and answers whether a test wants the process to end here: for places that something
/// has to be done for before [`end`].
#[inline(always)]
#[must_use]
pub fn is_due(place: Failpoint) -> bool {
    #[cfg(debug_assertions)]
    return armed::is_due(place);
    #[cfg(not(debug_assertions))]
    {
        let _ = place;
        false
    }
}

/// Ends the process as SIGKILL does: nothing is flushed, closed or told.
#[cold]
pub fn end() -> ! {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // The signal ends this thread before it has slept.
    loop {
        std::thread::park();
    }
}
