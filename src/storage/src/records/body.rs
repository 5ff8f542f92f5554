//! A revision's body and the attachments it lists.
//!
//! Version 1: version; number of attachments (varint), and for each its name, its type, revpos,
//! digest (16), address (32), length, stored length, encoding (one byte); then the body's text.
//! Version 2: version, then the body's text: a body without attachments, as most are.

use bytes::Bytes;
use refuge_document::{Attachment, Body, Encoding};

use super::codec::{Reader, write_block, write_varint};
use super::{cut_short, unknown_version};
use crate::error::StorageError;
use crate::operation::BodyRecord;

const KEYSPACE: &str = "bodies";
const WITH_ATTACHMENTS: u8 = 1;
const WITHOUT_ATTACHMENTS: u8 = 2;
const IDENTITY: u8 = 0;
const GZIP: u8 = 1;

/// Encodes a body record.
pub(crate) fn encode(out: &mut Vec<u8>, record: &BodyRecord) {
    out.clear();
    if record.attachments.is_empty() {
        out.push(WITHOUT_ATTACHMENTS);
    } else {
        out.push(WITH_ATTACHMENTS);
        write_varint(out, record.attachments.len() as u64);
        for attachment in &record.attachments {
            encode_attachment(out, attachment);
        }
    }
    out.extend_from_slice(record.body.as_bytes());
}

fn encode_attachment(out: &mut Vec<u8>, attachment: &Attachment) {
    write_block(out, attachment.name.as_bytes());
    write_block(out, attachment.content_type.as_bytes());
    write_varint(out, u64::from(attachment.revpos));
    out.extend_from_slice(&attachment.digest);
    out.extend_from_slice(&attachment.content);
    write_varint(out, attachment.length);
    write_varint(out, attachment.stored_length);
    out.push(match attachment.encoding {
        Encoding::Identity => IDENTITY,
        Encoding::Gzip => GZIP,
    });
}

/// Reads a body record; the body shares the row's bytes.
pub(crate) fn decode(row: Bytes) -> Result<BodyRecord, StorageError> {
    let (attachments, start) = match row.split_first() {
        Some((&WITHOUT_ATTACHMENTS, _)) => (Vec::new(), 1),
        Some((&WITH_ATTACHMENTS, rest)) => {
            let mut reader = Reader(rest);
            let attachments = decode_attachments(&mut reader).ok_or_else(|| cut_short(KEYSPACE))?;
            (attachments, row.len() - reader.0.len())
        }
        _ => return Err(unknown_version(KEYSPACE)),
    };
    Ok(BodyRecord { body: Body::from_stored(row.slice(start..)), attachments })
}

fn decode_attachments(reader: &mut Reader<'_>) -> Option<Vec<Attachment>> {
    let count = reader.varint()?;
    (0..count).map(|_| decode_attachment(reader)).collect()
}

fn decode_attachment(reader: &mut Reader<'_>) -> Option<Attachment> {
    Some(Attachment {
        name: reader.text()?.to_owned(),
        content_type: reader.text()?.to_owned(),
        revpos: u32::try_from(reader.varint()?).ok()?,
        digest: reader.array()?,
        content: reader.array()?,
        length: reader.varint()?,
        stored_length: reader.varint()?,
        encoding: match reader.byte()? {
            IDENTITY => Encoding::Identity,
            GZIP => Encoding::Gzip,
            _ => return None,
        },
    })
}
