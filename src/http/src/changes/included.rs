//! Documents inside rows. Which rows there are, and whether documents belong into them, is not
//! decided here.

use refuge_document::{AttachmentForm, ChangeRow, Rendering, Revision, render_document};

use super::parameters::Documents;
use crate::failure::Failure;
use crate::node::{Database, StoredBody};
use crate::show::{AttachmentData, send};
use crate::stream::ReplySender;

/// Sends the winner of a row; `null` where its content is no longer stored. A failure behind which
/// the row cannot be taken back is `Failure::Internal`.
pub(super) async fn write(
    sender: &mut ReplySender,
    database: &dyn Database,
    (row, content): (&ChangeRow, Option<&StoredBody>),
    shown: Documents,
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
    if shown.attachments && !content.attachments.is_empty() {
        return send_with_bytes(sender, database, document).await;
    }
    render_document(out, &document);
    Ok(())
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
) -> Result<(), Failure> {
    let attachments = document.attachments;
    let contents = AttachmentData::read(database, attachments).await?;
    let forms: Vec<AttachmentForm<'_>> = contents.forms().collect();
    let mut text = Vec::new();
    render_document(&mut text, &Rendering { attachment_forms: &forms, ..document });
    let gaps = contents.open_gaps(&mut text)?;
    let sent = send(sender, database, &text, &gaps, attachments).await;
    if gaps.is_empty() { sent } else { sent.map_err(|error| Failure::Internal(error.to_string())) }
}
