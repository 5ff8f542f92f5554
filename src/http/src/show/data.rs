//! The attachments of one document as they are put into its text: with their bytes, with a place kept
//! free for them, announced, or as stubs.

use refuge_document::{Attachment, AttachmentForm};

use super::AttachmentBytes;
use super::gaps::{self, Gap, Mark};
use crate::content;
use crate::failure::Failure;
use crate::node::Database;

/// Bytes of an attachment up to which it is held in memory while its document is shown.
const HELD_BYTES: u64 = 256 * 1024;

/// All attachments of a document, in its order.
pub(crate) struct AttachmentData {
    shown: Vec<Shown>,
    marks: Vec<Mark>,
}

enum Shown {
    Stub,
    Follows,
    /// Its bytes, or the mark of the place that is kept free.
    Data(Vec<u8>),
}

impl AttachmentData {
    /// All of them with their bytes, places kept free for large ones.
    pub(crate) async fn read(
        database: &dyn Database,
        attachments: &[Attachment],
    ) -> Result<Self, Failure> {
        let wanted = vec![true; attachments.len()];
        Self::of(database, attachments, &wanted, AttachmentBytes::Later).await
    }

    /// The wanted ones with their bytes, put there as `bytes` says; the others as stubs.
    pub(super) async fn of(
        database: &dyn Database,
        attachments: &[Attachment],
        wanted: &[bool],
        bytes: AttachmentBytes,
    ) -> Result<Self, Failure> {
        let mut found = Self { shown: Vec::with_capacity(attachments.len()), marks: Vec::new() };
        for (position, (attachment, wanted)) in attachments.iter().zip(wanted).enumerate() {
            let shown = match bytes {
                _ if !*wanted => Shown::Stub,
                AttachmentBytes::Follow => Shown::Follows,
                AttachmentBytes::Later if attachment.length > HELD_BYTES => {
                    let mark = Mark::new(position);
                    let shown = Shown::Data(mark.bytes().to_vec());
                    found.marks.push(mark);
                    shown
                }
                _ => Shown::Data(content::identity(database, attachment).await?),
            };
            found.shown.push(shown);
        }
        Ok(found)
    }

    /// How the attachments are rendered.
    pub(crate) fn forms(&self) -> impl Iterator<Item = AttachmentForm<'_>> {
        self.shown.iter().map(|shown| match shown {
            Shown::Stub => AttachmentForm::Stub,
            Shown::Follows => AttachmentForm::Follows,
            Shown::Data(bytes) => AttachmentForm::Data(bytes),
        })
    }

    /// Takes the marks out of a rendered text; where the bytes belong.
    pub(crate) fn open_gaps(&self, text: &mut Vec<u8>) -> Result<Vec<Gap>, Failure> {
        self.open_gaps_from(text, 0)
    }

    /// The same of a text in which some of the attachments are not shown, or in another order.
    pub(crate) fn open_gaps_there(&self, text: &mut Vec<u8>) -> Vec<Gap> {
        gaps::open_there(text, &self.marks)
    }

    /// The same of a text that begins within `out`; offsets count from the beginning of `out`.
    pub(super) fn open_gaps_from(
        &self,
        out: &mut Vec<u8>,
        beginning: usize,
    ) -> Result<Vec<Gap>, Failure> {
        gaps::open(out, beginning, &self.marks)
    }
}
