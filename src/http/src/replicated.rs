//! Documents as replication carries them, for those who replicate with a database of this node
//! without HTTP in between: the same texts as `_bulk_get` shows and `_bulk_docs` takes.

use bytes::Bytes;
use refuge_document::{Leaf, Revision};

use crate::failure::Failure;
use crate::limits::Limits;
use crate::node::{Database, DocumentTree, Update};
use crate::show::{AttachmentBytes, ShowOptions, Shown, show};
use crate::update::{Edits, parse, prepare};

/// The text of one revision with its history and with the attachments that are newer than
/// `possible_ancestors`; `None` when its body is no longer stored.
///
/// # Errors
/// What reading it met.
pub async fn replicated_document(
    database: &dyn Database,
    id: &str,
    tree: &DocumentTree,
    leaf: &Leaf,
    possible_ancestors: Vec<Revision>,
) -> Result<Option<Bytes>, Failure> {
    let Some(content) = database.bodies(vec![leaf.place]).await?.pop().flatten() else {
        return Ok(None);
    };
    let options = ShowOptions {
        revs: true,
        attachments: true,
        atts_since: (!possible_ancestors.is_empty()).then_some(possible_ancestors),
        ..ShowOptions::default()
    };
    let shown = Shown {
        id,
        revision: &leaf.revision,
        deleted: leaf.deleted,
        content: &content,
        tree: Some(tree),
        sequence: tree.sequence,
    };
    let mut text = Vec::with_capacity(content.body.as_bytes().len() + 256);
    show(&mut text, database, shown, &options, AttachmentBytes::Inline).await?;
    Ok(Some(text.into()))
}

/// The edit that stores such a text; its attachments are uploaded.
///
/// # Errors
/// When it is no document, or an upload failed.
pub async fn replicated_update(
    database: &dyn Database,
    limits: &Limits,
    text: Bytes,
) -> Result<Update, Failure> {
    let mut incoming = parse(text).await?;
    let id = incoming.id.take().ok_or_else(|| {
        Failure::BadRequest("a replicated document must have an `_id`".to_owned())
    })?;
    prepare(database, limits, id, incoming, Edits::Replicated, Vec::new()).await
}
