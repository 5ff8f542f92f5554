//! Documents inside rows. Which rows there are, and whether documents belong into them, is not
//! decided here.

use std::borrow::Cow;

use refuge_document::{AttachmentForm, ChangeRow, Rendering, Revision, json, render_document};
use refuge_query::selector::{Document, Metadata, Projection};

use super::parameters::Documents;
use crate::failure::Failure;
use crate::node::{Database, StoredBody};
use crate::show::{AttachmentData, send};
use crate::stream::ReplySender;

/// Sends the winner of a row, or the fields of it that are asked for; `null` where its content is no longer
/// stored. A failure behind which the row cannot be taken back is `Failure::Internal`.
pub(super) async fn write(
    sender: &mut ReplySender,
    database: &dyn Database,
    (row, content): (&ChangeRow, Option<&StoredBody>),
    (shown, fields): (Documents, Option<&Projection>),
) -> Result<(), Failure> {
    let out = sender.buffer();
    let (Some(winner), Some(content)) = (row.winner(), content) else {
        out.extend_from_slice(b"null");
        return Ok(());
    };
    let conflicts = if shown.conflicts { conflicts(row) } else { Vec::new() };
    let document = Rendering {
        deleted: winner.deleted,
        attachments: &content.attachments,
        encoding_info: shown.encoding_info,
        conflicts: &conflicts,
        ..Rendering::new(&row.id, &winner.revision, &content.body)
    };
    if shown.attachments && fields.is_none_or(names_attachments) && !content.attachments.is_empty()
    {
        return send_with_bytes(sender, database, document, fields).await;
    }
    match fields {
        None => render_document(out, &document),
        Some(fields) => write_fields(out, &document, fields),
    }
    Ok(())
}

/// Whether one of the fields is an attachment, or all of them.
fn names_attachments(fields: &Projection) -> bool {
    fields.names().any(|name| name.starts_with("_attachments"))
}

/// Appends an object of those fields that the document shows.
fn write_fields(out: &mut Vec<u8>, document: &Rendering<'_>, fields: &Projection) {
    let mut text = Vec::new();
    render_document(&mut text, document);
    let members = json::members(&text).into_iter().flatten().filter_map(Result::ok);
    let special: Vec<(Cow<'_, str>, &[u8])> =
        members.filter(|(name, _)| name.starts_with('_')).collect();
    let special: Vec<(&str, &[u8])> =
        special.iter().map(|(name, value)| (name.as_ref(), *value)).collect();
    let revision = document.revision.to_string();
    let metadata = Metadata {
        deleted: document.deleted,
        members: &special,
        ..Metadata::new(document.id, &revision)
    };
    fields.write(out, &Document { body: document.body.as_bytes(), metadata });
}

/// The live leaves beside the winner.
fn conflicts(row: &ChangeRow) -> Vec<Revision> {
    let others = row.leaves.iter().skip(1).filter(|leaf| !leaf.deleted);
    others.map(|leaf| leaf.revision.clone()).collect()
}

/// Sends a document whose attachments are shown as base64, large ones chunk by chunk.
async fn send_with_bytes(
    sender: &mut ReplySender,
    database: &dyn Database,
    document: Rendering<'_>,
    fields: Option<&Projection>,
) -> Result<(), Failure> {
    let attachments = document.attachments;
    let contents = AttachmentData::read(database, attachments).await?;
    let forms: Vec<AttachmentForm<'_>> = contents.forms().collect();
    let document = Rendering { attachment_forms: &forms, ..document };
    let mut text = Vec::new();
    let gaps = match fields {
        None => {
            render_document(&mut text, &document);
            contents.open_gaps(&mut text)?
        }
        Some(fields) => {
            write_fields(&mut text, &document, fields);
            contents.open_gaps_there(&mut text)
        }
    };
    let sent = send(sender, database, &text, &gaps, attachments).await;
    if gaps.is_empty() { sent } else { sent.map_err(|error| Failure::Internal(error.to_string())) }
}
