//! Documents inside rows. Which rows there are, and whether documents belong into them, is not
//! decided here.

use refuge_document::{AttachmentForm, ChangeRow, Rendering, Revision, render_document};

use super::parameters::Documents;
use crate::content;
use crate::failure::Failure;
use crate::node::{Database, StoredBody};

/// Appends the winner of a row; `null` where its content is no longer stored.
pub(super) async fn write(
    out: &mut Vec<u8>,
    database: &dyn Database,
    (row, content): (&ChangeRow, Option<&StoredBody>),
    shown: Documents,
) -> Result<(), Failure> {
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
        return write_with_bytes(out, database, document).await;
    }
    render_document(out, &document);
    Ok(())
}

/// The live leaves beside the winner.
fn conflicts(row: &ChangeRow) -> Vec<Revision> {
    let others = row.leaves.iter().skip(1).filter(|leaf| !leaf.deleted);
    others.map(|leaf| leaf.revision.clone()).collect()
}

/// Appends a document whose attachments are shown as base64. They are held in memory while it is
/// written.
async fn write_with_bytes(
    out: &mut Vec<u8>,
    database: &dyn Database,
    document: Rendering<'_>,
) -> Result<(), Failure> {
    let mut contents = Vec::with_capacity(document.attachments.len());
    for attachment in document.attachments {
        contents.push(content::identity(database, attachment).await?);
    }
    let forms: Vec<AttachmentForm<'_>> =
        contents.iter().map(|content| AttachmentForm::Data(content)).collect();
    render_document(out, &Rendering { attachment_forms: &forms, ..document });
    Ok(())
}
