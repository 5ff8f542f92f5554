//! The rows of a map view: their keys and values as they are stored, what a document's emits become,
//! what a query's parameters ask for, and what is remembered so that a document's rows can be taken
//! back. Nothing is stored here; how rows are reduced is in [`crate::reduction`].
//!
//! Everything is relative to one view: whoever stores puts a prefix of their own before each key.
//!
//! | what | form |
//! |---|---|
//! | row key | sort key, document id (escaped as raw strings are), `00`, ordinal (2 bytes) |
//! | row | `01`, length of the key's JSON, that JSON, the value's JSON |
//! | row whose value stands apart | `02`, the key's JSON; the value's JSON is another record |
//! | back-index | `01`, then for each view with rows: its number, how many, and each row's sort key (as what differs from the one before), ordinal and fingerprint |
//!
//! Where a view's rows stand by partition, the partition that the document's id names is in front of its
//! sort key, so that a partition is one stretch of rows and of its reductions' tree.
//!
//! Rows stand in the order of key and document id. The rows of one document whose keys collate equal
//! stand in the raw order of their values, as CouchDB has it: the ordinal counts them, 0 first.
//!
//! ```
//! use refuge_query::view::{Emit, KeyRange, RangeQuery, RowMaker};
//!
//! let maker = RowMaker::new(refuge_query::collation::Collation::Unicode, 7)?;
//! let rows = maker.rows("doc", &[Emit { key: br#"["a",1]"#, value: b"2" }]);
//! let query = RangeQuery { start_key: Some(br#"["a"]"#), ..RangeQuery::default() };
//! let range = KeyRange::new(maker.keys(), &query)?;
//! assert!(range.contains(&rows.rows[0].key));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod back_index;
mod emit;
mod group;
mod range;
mod row;

pub use back_index::{BackIndex, OldRow, RowChanges, row_changes};
pub use emit::{DocumentRows, Emit, RowError, RowMaker};
pub use group::{GroupLevel, group_key};
pub use range::{KeyRange, RangeError, RangeQuery};
pub use row::{
    LARGE_VALUE_BYTES, NewRow, PlacedValue, ROW_KEY_LIMIT_BYTES, RowKey, StoredRow, write_row_key,
};

#[cfg(test)]
mod tests;
