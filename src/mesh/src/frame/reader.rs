//! From pieces of a stream to frames.

use super::{BadFrame, Frame, LONGEST_FRAME_BYTES, text};

const LENGTH_BYTES: usize = 4;

/// Puts the pieces of one connection together. Ask [`FrameReader::next`] until it has none after every
/// piece: then it never holds more than one frame and one piece.
#[derive(Debug, Default)]
pub struct FrameReader {
    bytes: Vec<u8>,
    /// Where the next frame begins.
    begin: usize,
}

impl FrameReader {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a piece.
    pub fn push(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.begin);
        self.begin = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The next whole frame, if there is one.
    ///
    /// # Errors
    /// [`BadFrame`]: close the connection, nothing after it can be read.
    #[expect(clippy::should_implement_trait, reason = "it goes on after it had none")]
    pub fn next(&mut self) -> Result<Option<Frame>, BadFrame> {
        let rest = self.bytes.get(self.begin..).unwrap_or_default();
        let Some((length, rest)) = rest.split_first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length);
        let bytes = usize::try_from(length).unwrap_or(usize::MAX);
        if bytes > LONGEST_FRAME_BYTES {
            return Err(BadFrame::TooLong(length));
        }
        let Some(frame) = rest.get(..bytes) else { return Ok(None) };
        let frame = text::decode(frame)?;
        self.begin += LENGTH_BYTES + bytes;
        Ok(Some(frame))
    }
}
