//! Documents as replication carries them, for those who replicate with a database of this node
//! without HTTP in between: the same texts as `_bulk_get` shows and `_bulk_docs` takes.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use refuge_document::{Leaf, Revision};

use crate::body::RequestBody;
use crate::documents::{read_related, related_stream};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::node::{Database, DocumentTree, StoredBody, Update};
use crate::request_bytes::RequestBytes;
use crate::rules::Rules;
use crate::show::{AttachmentBytes, ShowOptions, Shown, newer_attachments_bytes, show};
use crate::update::{Edits, parse, prepare};

/// Bytes of attachments up to which they travel inside their document's text.
const INLINE_BYTES: u64 = 512 * 1024;

/// What a broken stream tells.
pub type ReplicatedError = Box<dyn std::error::Error + Send + Sync>;

/// A revision with its attachments as bytes on their way.
pub struct ReplicatedStream {
    /// `multipart/related` with its boundary, or JSON where nothing follows.
    pub content_type: String,
    /// Bytes of the whole, also where the body is a rest; `None` where that is not known.
    pub length: Option<u64>,
    /// The bytes.
    pub body: UnsyncBoxBody<Bytes, ReplicatedError>,
}

/// How one revision is to be replicated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplicatedDocument {
    /// As this text, attachments inside.
    Text(Bytes),
    /// By [`replicated_stream`]: its attachments are too large to be held.
    Large,
    /// Not at all: its body is no longer stored.
    Gone,
}

/// The text of one revision with its history and with the attachments that are newer than
/// `possible_ancestors`, where these are small.
///
/// # Errors
/// What reading it met.
pub async fn replicated_document(
    database: &dyn Database,
    id: &str,
    tree: &DocumentTree,
    leaf: &Leaf,
    possible_ancestors: Vec<Revision>,
) -> Result<ReplicatedDocument, Failure> {
    let Some(content) = database.bodies(vec![leaf.place]).await?.pop().flatten() else {
        return Ok(ReplicatedDocument::Gone);
    };
    let options = options(possible_ancestors);
    let shown = shown(id, tree, leaf, &content);
    if newer_attachments_bytes(&shown, &options) > INLINE_BYTES {
        return Ok(ReplicatedDocument::Large);
    }
    let mut text = Vec::with_capacity(content.body.as_bytes().len() + 256);
    show(&mut text, database, shown, &options, AttachmentBytes::Inline).await?;
    Ok(ReplicatedDocument::Text(text.into()))
}

/// One revision as a stream from `offset` on; `None` where it is no longer stored.
///
/// # Errors
/// What reading its text met.
pub async fn replicated_stream(
    database: &Arc<dyn Database>,
    id: &str,
    revision: &Revision,
    possible_ancestors: Vec<Revision>,
    offset: u64,
) -> Result<Option<ReplicatedStream>, Failure> {
    let stream = related_stream(database, id, revision, options(possible_ancestors), offset);
    let Some((content_type, length, body)) = stream.await? else {
        return Ok(None);
    };
    let body = body.map_err(Into::into).boxed_unsync();
    Ok(Some(ReplicatedStream { content_type, length: Some(length), body }))
}

fn options(possible_ancestors: Vec<Revision>) -> ShowOptions {
    ShowOptions {
        revs: true,
        attachments: true,
        atts_since: (!possible_ancestors.is_empty()).then_some(possible_ancestors),
        ..ShowOptions::default()
    }
}

fn shown<'a>(
    id: &'a str,
    tree: &'a DocumentTree,
    leaf: &'a Leaf,
    content: &'a StoredBody,
) -> Shown<'a> {
    Shown {
        id,
        revision: &leaf.revision,
        deleted: leaf.deleted,
        content,
        tree: Some(tree),
        sequence: tree.sequence,
    }
}

/// The edit that stores what comes as a stream as document `id`; its attachments are uploaded as they
/// arrive.
///
/// # Errors
/// When it is no document, when it breaks off, or an upload failed.
pub async fn replicated_update_of_stream(
    database: &dyn Database,
    rules: Arc<Rules>,
    id: &str,
    stream: ReplicatedStream,
) -> Result<Update, Failure> {
    let mut body =
        RequestBody::of_stream(stream.body, RequestBytes::default().none(), rules.clone());
    let (incoming, followed) = if stream.content_type.starts_with("multipart/related") {
        read_related(&mut body, &stream.content_type, &rules.limits, database).await?
    } else {
        let text = body.collect(&hyper::HeaderMap::new(), rules.limits.max_json_size).await?;
        (parse(text).await?, Vec::new())
    };
    prepare(database, &rules.limits, id.to_owned(), incoming, Edits::Replicated, followed).await
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
