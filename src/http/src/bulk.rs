//! Many documents with one request: `_bulk_docs`, `_bulk_get`, `_revs_diff`, `_missing_revs`
//! (CouchDB documentation, "api/database/bulk-api" and "api/database/misc"). One endpoint a file;
//! this page names them.

mod difference;
mod documents;
mod get;
mod outcome;

pub(crate) use difference::{
    begin_member, listed_revisions, missing_revisions, revisions_difference, write_revisions,
};
pub(crate) use documents::bulk_documents;
pub(crate) use get::bulk_get;
