//! Mango: index definitions, the choice of an index for a question, and the JSON of `_find`,
//! `_explain` and `_index`, as CouchDB 3.5 has them. Pure: what exists in a database is passed in;
//! rows are read elsewhere.
//!
//! ```text
//! IndexRequest::parse(&Value) -> Result<IndexRequest, MangoError>            // POST /{db}/_index
//! request.design_document_id(), request.name
//! request.add_to(Option<&Value>, partitioned_database)
//!     -> Result<Option<Value>, MangoError>                                   // None: it exists
//! Index::from_design_document(id, &Value, partitioned_database) -> Vec<Index>
//! Index::all_documents() -> Index                                            // `_all_docs`
//! remove_index(&Value, name) -> Result<Removed, MangoError>
//! index.to_json() -> Value                                                   // as in GET /{db}/_index
//! KeyMaker::new(&Index) ; maker.key(&Document<'_>) -> Option<Vec<u8>>        // zero or one key array
//!
//! Find::parse(&Value, partition: Option<&str>) -> Result<Find, MangoError>   // POST /{db}/_find
//! plan(&Find, &[Index], &Database) -> Result<Plan, MangoError>
//! superset(&Selector, &[Index], &Database) -> Option<Superset>               // where nothing may be missed
//! Plan { index, range: Range, descending, covering, passed_over }
//! range.key_range(&SortKeys) -> Result<Option<KeyRange>, KeyError>            // of a JSON index
//! with_covered_document(&Index, id, key, |&Document| …)                      // covering: no body is read
//! explain(&Find, &[Index], &Database) -> Result<Value, MangoError>
//! Bookmark::decode(&str), bookmark.encode()
//! ExecutionStatistics::to_json(), warning(&Plan, &Index, &ExecutionStatistics, threshold)
//!
//! MangoError: status(), error(), reason()
//! ```
//!
//! Source: <https://docs.couchdb.org/en/stable/api/database/find.html>

mod bookmark;
mod definition;
mod error;
mod explain;
mod find;
mod index;
mod keys;
mod options;
mod planner;
mod ranges;
mod statistics;
mod superset;

pub use bookmark::Bookmark;
pub use definition::{IndexRequest, parse_bulk_delete};
pub use error::MangoError;
pub use explain::explain;
pub use find::{Find, UseIndex};
pub use index::{Index, Removed, remove_index};
pub use keys::{KeyMaker, with_covered_document};
pub use planner::{Database, Plan, plan};
pub use ranges::Range;
pub use statistics::{ExecutionStatistics, INDEX_SCAN_WARNING_THRESHOLD, warning};
pub use superset::{Superset, superset};

#[cfg(test)]
mod tests;
