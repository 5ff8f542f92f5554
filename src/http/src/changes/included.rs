//! Documents inside rows, with the bytes of their attachments. Which documents are shown is not
//! decided here.

use refuge_document::{AttachmentForm, Rendering, render_document};

use crate::content;
use crate::failure::Failure;
use crate::node::Database;

/// Appends a document whose attachments are shown as base64. They are held in memory while it is
/// written.
pub(crate) async fn render_with_attachments(
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
