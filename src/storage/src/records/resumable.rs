//! What is known of an upload that may be resumed: the other row that stands under the key of an upload
//! without address.
//!
//! Version 2 (version 1 is a state alone): version, when it is given up (8), bytes of a chunk (4),
//! bytes received (varint), 0 or the length and 1 (varint), 0 or 1 and the owner (block), metadata
//! (the rest).

use super::codec::{Reader, write_block, write_varint};
use crate::resumable::ResumableUpload;

/// The version of this row.
pub(super) const VERSION: u8 = 2;

/// Encodes the row.
pub(crate) fn encode(out: &mut Vec<u8>, upload: &ResumableUpload) {
    out.clear();
    out.push(VERSION);
    out.extend_from_slice(&upload.expires_unix_ms.to_be_bytes());
    out.extend_from_slice(&upload.chunk_bytes.to_be_bytes());
    write_varint(out, upload.received);
    write_varint(out, upload.length.map_or(0, |length| length.saturating_add(1)));
    out.push(u8::from(upload.owner.is_some()));
    if let Some(owner) = &upload.owner {
        write_block(out, owner.as_bytes());
    }
    out.extend_from_slice(upload.metadata.as_bytes());
}

/// Reads what stands behind the version; `None` where it is no such row.
pub(super) fn decode(rest: &[u8]) -> Option<ResumableUpload> {
    let mut reader = Reader(rest);
    let (expires_unix_ms, chunk_bytes) = (reader.number64()?, reader.number32()?);
    let received = reader.varint()?;
    let length = reader.varint()?.checked_sub(1);
    let owner = match reader.byte()? {
        0 => None,
        1 => Some(reader.text()?.to_owned()),
        _ => return None,
    };
    let metadata = std::str::from_utf8(reader.rest()).ok()?.to_owned();
    (chunk_bytes > 0).then_some(ResumableUpload {
        owner,
        expires_unix_ms,
        chunk_bytes,
        received,
        length,
        metadata,
    })
}
