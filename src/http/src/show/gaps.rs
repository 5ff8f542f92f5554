//! Places in a rendered document that are kept free for large attachments. The text is rendered
//! with a mark in each place, which no client can foresee and so no document can hold; the marks are
//! then taken out and their places remembered.

use std::hash::{BuildHasher, RandomState};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::failure::Failure;

/// Bytes of a mark: 192 random bits, and base64 without padding.
const MARK_BYTES: usize = 24;

/// A place in a text that is kept free for the base64 of an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Offset in bytes from the beginning of the text.
    pub(crate) offset: usize,
    /// Position of the attachment in its document.
    pub(crate) attachment: usize,
}

/// What stands in the place of an attachment until the text is rendered.
pub(super) struct Mark {
    attachment: usize,
    bytes: [u8; MARK_BYTES],
}

impl Mark {
    /// A new mark for the attachment at this position.
    pub(super) fn new(attachment: usize) -> Self {
        let mut bytes = [0; MARK_BYTES];
        for (number, part) in bytes.chunks_mut(8).enumerate() {
            // Keyed from the system's randomness.
            part.copy_from_slice(&RandomState::new().hash_one(number).to_be_bytes());
        }
        Self { attachment, bytes }
    }

    /// What is rendered as the attachment's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Takes the marks out of the text from `beginning` on; the gaps that they leave, as offsets in
/// `out`.
pub(super) fn open(
    out: &mut Vec<u8>,
    beginning: usize,
    marks: &[Mark],
) -> Result<Vec<Gap>, Failure> {
    let mut gaps = Vec::with_capacity(marks.len());
    let mut position = beginning;
    for mark in marks {
        let text = STANDARD.encode(mark.bytes);
        let rest = out.get(position..).unwrap_or_default();
        let found = memchr::memmem::find(rest, text.as_bytes()).ok_or_else(|| {
            Failure::Internal("an attachment has no place in its document's text".to_owned())
        })?;
        position += found;
        out.drain(position..position + text.len());
        gaps.push(Gap { offset: position, attachment: mark.attachment });
    }
    Ok(gaps)
}

/// The same of a text that need not hold all marks, nor in their order.
pub(super) fn open_there(text: &mut Vec<u8>, marks: &[Mark]) -> Vec<Gap> {
    let found = marks.iter().filter_map(|mark| {
        let mark_text = STANDARD.encode(mark.bytes);
        let offset = memchr::memmem::find(text, mark_text.as_bytes())?;
        Some((offset, mark_text.len(), mark.attachment))
    });
    let mut found: Vec<(usize, usize, usize)> = found.collect();
    found.sort_unstable();
    let mut taken = 0;
    let open = found.into_iter().map(|(offset, length, attachment)| {
        let offset = offset - taken;
        text.drain(offset..offset + length);
        taken += length;
        Gap { offset, attachment }
    });
    open.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_leave_gaps() {
        let marks = [Mark::new(0), Mark::new(2)];
        let [first, second] = marks.each_ref().map(|mark| STANDARD.encode(mark.bytes()));
        let mut text = format!("before{first}between{second}behind").into_bytes();
        let gaps = open(&mut text, 3, &marks).expect("both are there");
        assert_eq!(text, b"beforebetweenbehind");
        assert_eq!(gaps, [Gap { offset: 6, attachment: 0 }, Gap { offset: 13, attachment: 2 }]);
        assert!(open(&mut text, 0, &marks).is_err());
    }

    #[test]
    fn some_marks_in_another_order_leave_their_gaps() {
        let marks = [Mark::new(0), Mark::new(1), Mark::new(2)];
        let [first, _, third] = marks.each_ref().map(|mark| STANDARD.encode(mark.bytes()));
        let mut text = format!("before{third}between{first}behind").into_bytes();
        let gaps = open_there(&mut text, &marks);
        assert_eq!(text, b"beforebetweenbehind");
        assert_eq!(gaps, [Gap { offset: 6, attachment: 2 }, Gap { offset: 13, attachment: 0 }]);
    }
}
