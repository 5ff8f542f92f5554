//! The bytes of stored attachments: whole, unpacked on the way, or a range of them. What is said
//! around them is the endpoints'.

use std::io::Write;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use refuge_document::{Attachment, Encoding};

use crate::failure::Failure;
use crate::node::Database;
use crate::stream::ReplySender;

/// Packed bytes that are unpacked at a time: gzip makes at most about a thousandfold of them.
const UNPACKED_AT_ONCE_BYTES: usize = 4 * 1024;

/// The whole identity form, in memory.
pub(crate) async fn identity(
    database: &dyn Database,
    attachment: &Attachment,
) -> Result<Vec<u8>, Failure> {
    let mut whole = Vec::with_capacity(usize::try_from(attachment.length).unwrap_or(0));
    let mut unpacker = Unpacker::new(attachment.encoding);
    let mut number = 0;
    while let Some(chunk) = database.attachment_chunk(attachment, number).await? {
        for slice in unpacker.slices(&chunk) {
            unpacker.push(slice, &mut whole)?;
        }
        number += 1;
    }
    unpacker.finish(&mut whole)?;
    Ok(whole)
}

/// Sends the bytes as they are stored.
pub(crate) async fn send_stored(
    database: &dyn Database,
    attachment: &Attachment,
    sender: &mut ReplySender,
) -> Result<(), Failure> {
    let mut number = 0;
    let mut sent = 0;
    while sent < attachment.stored_length
        && let Some(chunk) = database.attachment_chunk(attachment, number).await?
    {
        sent += chunk.len() as u64;
        sender.send(chunk).await?;
        number += 1;
    }
    if sent == attachment.stored_length { Ok(()) } else { Err(incomplete(attachment)) }
}

/// Sends the identity form.
pub(crate) async fn send_identity(
    database: &dyn Database,
    attachment: &Attachment,
    sender: &mut ReplySender,
) -> Result<(), Failure> {
    if attachment.encoding == Encoding::Identity {
        return send_stored(database, attachment, sender).await;
    }
    let mut unpacker = Unpacker::new(attachment.encoding);
    let mut number = 0;
    while let Some(chunk) = database.attachment_chunk(attachment, number).await? {
        for slice in unpacker.slices(&chunk) {
            unpacker.push(slice, sender.buffer())?;
            sender.flush_when_full().await?;
        }
        number += 1;
    }
    if number == 0 {
        return Err(incomplete(attachment));
    }
    unpacker.finish(sender.buffer())?;
    sender.flush().await
}

/// Sends the identity form as base64.
pub(crate) async fn send_base64(
    database: &dyn Database,
    attachment: &Attachment,
    sender: &mut ReplySender,
) -> Result<(), Failure> {
    let mut unpacker = Unpacker::new(attachment.encoding);
    let mut plain = Vec::new();
    let mut number = 0;
    while let Some(chunk) = database.attachment_chunk(attachment, number).await? {
        for slice in unpacker.slices(&chunk) {
            unpacker.push(slice, &mut plain)?;
            // Three bytes make four characters: what is left of them waits for more.
            let rest = plain.split_off(plain.len() - plain.len() % 3);
            append_base64(sender.buffer(), &plain);
            plain = rest;
            sender.flush_when_full().await?;
        }
        number += 1;
    }
    unpacker.finish(&mut plain)?;
    append_base64(sender.buffer(), &plain);
    sender.flush_when_full().await
}

fn append_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let beginning = out.len();
    out.resize(beginning + bytes.len().div_ceil(3) * 4, 0);
    if let Some(place) = out.get_mut(beginning..) {
        // The place is as long as the encoded form.
        let _ = STANDARD.encode_slice(bytes, place);
    }
}

/// Sends a range of the bytes of an attachment that is stored as it is.
pub(crate) async fn send_range(
    database: &dyn Database,
    attachment: &Attachment,
    range: Range<u64>,
    sender: &mut ReplySender,
) -> Result<(), Failure> {
    let Some(first) = database.attachment_chunk(attachment, 0).await? else {
        return Err(incomplete(attachment));
    };
    // All chunks but the last are of one length, so the range's first chunk can be computed.
    let chunk_length = (first.len() as u64).max(1);
    let mut number = u32::try_from(range.start / chunk_length)
        .map_err(|_| Failure::Internal("an attachment has too many chunks".to_owned()))?;
    let mut position = u64::from(number) * chunk_length;
    while position < range.end {
        let chunk = if number == 0 {
            Some(first.clone())
        } else {
            database.attachment_chunk(attachment, number).await?
        };
        let Some(chunk) = chunk else { return Err(incomplete(attachment)) };
        sender.send(part(&chunk, position, &range)).await?;
        position += chunk.len() as u64;
        number += 1;
    }
    Ok(())
}

/// What of a chunk that begins at `position` lies in the range.
fn part(chunk: &Bytes, position: u64, range: &Range<u64>) -> Bytes {
    let length = chunk.len() as u64;
    let from = range.start.saturating_sub(position).min(length);
    let to = range.end.saturating_sub(position).min(length);
    let (Ok(from), Ok(to)) = (usize::try_from(from), usize::try_from(to)) else {
        return Bytes::new();
    };
    chunk.slice(from..to.max(from))
}

fn incomplete(attachment: &Attachment) -> Failure {
    Failure::Internal(format!(
        "the stored bytes of attachment '{}' are incomplete",
        attachment.name
    ))
}

/// Gzip unpacked piece by piece, or bytes passed through.
struct Unpacker(Option<flate2::write::MultiGzDecoder<Vec<u8>>>);

impl Unpacker {
    fn new(encoding: Encoding) -> Self {
        Self(match encoding {
            Encoding::Identity => None,
            Encoding::Gzip => Some(flate2::write::MultiGzDecoder::new(Vec::new())),
        })
    }

    /// The pieces in which a chunk is pushed, so that little memory holds what comes of each.
    fn slices<'a>(&self, chunk: &'a [u8]) -> std::slice::Chunks<'a, u8> {
        let size = if self.0.is_some() { UNPACKED_AT_ONCE_BYTES } else { chunk.len().max(1) };
        chunk.chunks(size)
    }

    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let Some(decoder) = &mut self.0 else {
            out.extend_from_slice(bytes);
            return Ok(());
        };
        decoder.write_all(bytes).map_err(|error| broken(&error))?;
        out.append(decoder.get_mut());
        Ok(())
    }

    fn finish(self, out: &mut Vec<u8>) -> Result<(), Failure> {
        if let Some(decoder) = self.0 {
            out.append(&mut decoder.finish().map_err(|error| broken(&error))?);
        }
        Ok(())
    }
}

fn broken(error: &std::io::Error) -> Failure {
    Failure::Internal(format!("the stored bytes of an attachment are not gzip: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_unpacked_piece_by_piece() {
        let plain: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&plain).expect("memory");
        let packed = encoder.finish().expect("memory");
        let mut unpacker = Unpacker::new(Encoding::Gzip);
        let mut out = Vec::new();
        for slice in unpacker.slices(&packed) {
            unpacker.push(slice, &mut out).expect("gzip");
        }
        unpacker.finish(&mut out).expect("gzip");
        assert!(out == plain);
    }

    #[test]
    fn a_range_is_cut_out_of_chunks() {
        let chunk = Bytes::from_static(b"0123456789");
        assert_eq!(part(&chunk, 0, &(3..5)), "34");
        assert_eq!(part(&chunk, 10, &(3..15)), "01234");
        assert_eq!(part(&chunk, 10, &(13..100)), "3456789");
        assert_eq!(part(&chunk, 20, &(3..15)), "");
    }
}
