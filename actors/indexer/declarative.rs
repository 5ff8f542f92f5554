//! The rows of declarative indexes, made natively: each document has one or none in each.

use std::sync::Arc;

use refuge_http::Failure;
use refuge_query::selector::{Document, Metadata};
use refuge_query::view::Emit;

use super::mapping::put;
use super::pass::Doors;
use super::reading::{ChangedDocument, Content};
use super::{IndexerArguments, make_way};
use crate::unavailable;

/// The value of every row.
const VALUE: &[u8] = b"null";

/// Fills in the rows of documents, on a thread that may be busy for a while; tells whether some had to be
/// left out.
pub(super) async fn map(
    arguments: &IndexerArguments,
    doors: &Doors,
    mut documents: Vec<ChangedDocument>,
) -> Result<(Vec<ChangedDocument>, bool), Failure> {
    let (design, makers) = (Arc::clone(&arguments.design), Arc::clone(&doors.makers));
    let database = arguments.database_name.clone();
    let job = move || {
        let mut lacking = false;
        for (number, document) in documents.iter_mut().enumerate() {
            make_way(number);
            document.rows = vec![Vec::new(); makers.len()];
            let content = std::mem::replace(&mut document.content, Content::Nothing);
            let Content::Stored(revision, body) = content else { continue };
            for (number, (declared, maker)) in design.declared.iter().zip(&*makers).enumerate() {
                let metadata = Metadata::new(&document.id, &revision);
                let stored = Document { body: body.as_bytes(), metadata };
                let Some(key) = declared.as_ref().and_then(|one| one.key(&stored)) else {
                    continue;
                };
                let made = maker.rows(&document.id, &[Emit { key: &key, value: VALUE }]);
                lacking |= !made.refused.is_empty();
                for refused in &made.refused {
                    tracing::warn!(database, design = design.id, "{refused}");
                }
                put(document, number, made.rows);
            }
        }
        (documents, lacking)
    };
    crate::blocking(job).await.map_err(|_| unavailable())
}
