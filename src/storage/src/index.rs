//! Indexes on disk: a fjall database of their own, beside the documents' one. All that is here can be
//! built again from the documents, so no write waits for the disk; after a crash of the machine, or where
//! something cannot be read, all of it is removed when it is opened next.
//!
//! What lives here: the registry of indexes and how far each has come, and four kinds of rows that belong
//! to an index and are opaque here (`refuge-query` lays them out). What must not live here: what an index
//! means, and when it is brought up to date.

mod damage;
mod dropping;
mod early_sync;
mod engine;
mod journaled;
mod keys;
mod records;
mod store;

#[cfg(test)]
mod tests;

pub use engine::{IndexEngine, IndexOptions};
pub use records::{IndexDefinition, IndexRecord, IndexState};
pub use store::{IndexRange, IndexRows, IndexSnapshot, IndexStore};

/// The number of an index. A number is not given twice, unless all indexes were removed meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexNumber(pub u32);

/// The kinds of rows that an index has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexTable {
    /// What is asked for, in the order in which it is asked for.
    Rows,
    /// Which rows a document has made, by its id.
    Documents,
    /// The reductions: pages of a tree over the rows.
    Pages,
    /// Large values, apart from their rows, so that who counts rows does not read them.
    Values,
}

/// One change to a row of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexChange {
    /// Where it stands.
    pub table: IndexTable,
    /// Its key within the index: with the number in front of it no longer than the engine's 65,535 bytes.
    pub key: Vec<u8>,
    /// The row, or `None` where it is removed.
    pub row: Option<Vec<u8>>,
}

/// Changes of one index that come together or not at all, and where the index stands with them.
#[derive(Clone, Debug)]
pub struct IndexWrite {
    /// The index.
    pub index: IndexNumber,
    /// Where the index stood when the changes were prepared: they fit to nothing else.
    pub base: IndexState,
    /// The changes; no key twice.
    pub changes: Vec<IndexChange>,
    /// Where the index stands then.
    pub state: IndexState,
}
