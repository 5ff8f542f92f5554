//! A revision sent piece by piece, so that its large attachments are never in memory as a whole.

use refuge_document::Attachment;

use super::{AttachmentBytes, Gap, ShowOptions, Shown, show};
use crate::content;
use crate::failure::Failure;
use crate::node::Database;
use crate::stream::ReplySender;

/// Sends the JSON text of a revision, large attachments chunk by chunk.
pub(crate) async fn show_in_stream(
    sender: &mut ReplySender,
    database: &dyn Database,
    shown: Shown<'_>,
    options: &ShowOptions,
) -> Result<(), Failure> {
    if !options.attachments {
        show(sender.buffer(), database, shown, options, AttachmentBytes::Later).await?;
        return sender.flush_when_full().await;
    }
    let mut text = Vec::new();
    let showing = show(&mut text, database, shown, options, AttachmentBytes::Later).await?;
    send(sender, database, &text, &showing.gaps, &shown.content.attachments).await
}

/// Sends a text with the attachments that belong into its gaps.
pub(crate) async fn send(
    sender: &mut ReplySender,
    database: &dyn Database,
    text: &[u8],
    gaps: &[Gap],
    attachments: &[Attachment],
) -> Result<(), Failure> {
    let mut sent = 0;
    for gap in gaps {
        let Some(attachment) = attachments.get(gap.attachment) else { continue };
        sender.buffer().extend_from_slice(text.get(sent..gap.offset).unwrap_or_default());
        sent = gap.offset;
        content::send_base64(database, attachment, sender).await?;
    }
    sender.buffer().extend_from_slice(text.get(sent..).unwrap_or_default());
    sender.flush_when_full().await
}
