//! Many documents with one request: `_bulk_docs`, `_bulk_get`, `_revs_diff`, `_missing_revs`
//! (CouchDB documentation, "api/database/bulk-api" and "api/database/misc"). One endpoint a file;
//! this page names them.

mod difference;
mod documents;
mod get;
mod outcome;

use crate::failure::Failure;

pub(crate) use difference::{
    begin_member, listed_revisions, missing_revisions, revisions_difference, write_revisions,
};
pub(crate) use documents::bulk_documents;
pub(crate) use get::bulk_get;

/// What is said of a request that names more documents than the configuration allows.
fn too_many(error: &'static str, most: usize) -> Failure {
    Failure::TooLarge { error, reason: most.to_string() }
}
