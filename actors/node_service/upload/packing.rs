//! What is done to the bytes of an attachment before they are stored: gzipped where their type is
//! text, digested, cut into chunks. No input and output, and no waiting: whoever calls decides on
//! which thread.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use flate2::{Compression, GzBuilder, write::GzEncoder};
use md5::{Digest, Md5};
use refuge_document::Encoding;
use refuge_http::{UploadOptions, UploadedContent};
use sha2::Sha256;

/// Bytes of one stored chunk.
pub(super) const CHUNK_BYTES: usize = 256 * 1024;
/// CouchDB's compression level. With the real zlib it gives CouchDB's very bytes, whose MD5 is part
/// of the revision id.
const GZIP_LEVEL: u32 = 8;
/// The "operating system" byte that zlib writes into the header on Unix.
const GZIP_SYSTEM_UNIX: u8 = 3;

/// The bytes of one attachment on their way.
pub(super) struct Packing {
    gzip: Option<Gzip>,
    already_gzipped: bool,
    received_bytes: u64,
    stored_md5: Md5,
    stored_sha256: Sha256,
    stored_bytes: u64,
    pending: BytesMut,
}

/// Bytes that are stored otherwise than they come have two digests.
struct Gzip {
    encoder: GzEncoder<Vec<u8>>,
    received_md5: Md5,
}

impl Packing {
    pub(super) fn new(options: &UploadOptions) -> Self {
        let compress = !options.already_gzipped && is_compressible(&options.content_type);
        Self {
            gzip: compress.then(|| Gzip { encoder: encoder(), received_md5: Md5::default() }),
            already_gzipped: options.already_gzipped,
            received_bytes: 0,
            stored_md5: Md5::default(),
            stored_sha256: Sha256::default(),
            stored_bytes: 0,
            pending: BytesMut::new(),
        }
    }

    /// Whether the bytes are gzipped here, which takes ten times as long as digesting them.
    pub(super) fn compresses(&self) -> bool {
        self.gzip.is_some()
    }

    /// Takes bytes as they came.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.received_bytes += bytes.len() as u64;
        let Some(gzip) = &mut self.gzip else {
            self.take_stored(bytes);
            return Ok(());
        };
        gzip.received_md5.update(bytes);
        gzip.encoder.write_all(bytes)?;
        let encoded = std::mem::take(gzip.encoder.get_mut());
        self.take_stored(&encoded);
        Ok(())
    }

    /// The next whole chunk to store.
    pub(super) fn chunk(&mut self) -> Option<Bytes> {
        (self.pending.len() >= CHUNK_BYTES).then(|| self.pending.split_to(CHUNK_BYTES).freeze())
    }

    /// What the attachment became, and the chunks that are left, the last of them shorter.
    pub(super) fn finish(mut self) -> io::Result<(UploadedContent, Vec<Bytes>)> {
        let mut received_digest = None;
        if let Some(gzip) = self.gzip.take() {
            received_digest = Some(gzip.received_md5.finalize().into());
            self.take_stored(&gzip.encoder.finish()?);
        }
        let mut chunks: Vec<Bytes> = std::iter::from_fn(|| self.chunk()).collect();
        if !self.pending.is_empty() {
            chunks.push(self.pending.freeze());
        }
        let digest = self.stored_md5.finalize().into();
        let encoded = self.already_gzipped || received_digest.is_some();
        let content = UploadedContent {
            digest,
            content: self.stored_sha256.finalize().into(),
            length: self.received_bytes,
            stored_length: self.stored_bytes,
            encoding: if encoded { Encoding::Gzip } else { Encoding::Identity },
            received_digest: received_digest.unwrap_or(digest),
        };
        Ok((content, chunks))
    }

    /// Digests and gathers bytes as they are to be stored.
    fn take_stored(&mut self, bytes: &[u8]) {
        self.stored_md5.update(bytes);
        self.stored_sha256.update(bytes);
        self.stored_bytes += bytes.len() as u64;
        self.pending.extend_from_slice(bytes);
    }
}

fn encoder() -> GzEncoder<Vec<u8>> {
    GzBuilder::new()
        .operating_system(GZIP_SYSTEM_UNIX)
        .write(Vec::new(), Compression::new(GZIP_LEVEL))
}

/// CouchDB's default `[attachments] compressible_types`:
/// `text/*, application/javascript, application/json, application/xml`.
fn is_compressible(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || ["application/javascript", "application/json", "application/xml"]
            .contains(&essence.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(content_type: &str, pieces: &[&[u8]]) -> (UploadedContent, Vec<Bytes>) {
        let content_type = content_type.to_owned();
        let mut packing = Packing::new(&UploadOptions { content_type, already_gzipped: false });
        let mut chunks = Vec::new();
        for piece in pieces {
            packing.push(piece).unwrap();
            chunks.extend(std::iter::from_fn(|| packing.chunk()));
        }
        let (content, rest) = packing.finish().unwrap();
        chunks.extend(rest);
        (content, chunks)
    }

    #[test]
    fn text_is_compressible_and_pictures_are_not() {
        assert!(is_compressible("text/plain; charset=utf-8"));
        assert!(is_compressible("Application/JSON"));
        assert!(!is_compressible("image/png"));
    }

    #[test]
    fn gzip_gives_the_bytes_of_couchdb_however_they_come() {
        for pieces in [&[&b"hello hello hello"[..]][..], &[b"hello ", b"hello hel", b"lo"]] {
            let (content, chunks) = packed("text/plain", pieces);
            // tests/vectors/revisions.json: md5-EGZM0DR7tfylLvvZCXP1ug==, 28 bytes.
            assert_eq!(crate::hexadecimal(&content.digest), "10664cd0347bb5fca52efbd90973f5ba");
            assert_eq!((content.length, content.stored_length), (17, 28));
            assert_eq!(content.received_digest, <[u8; 16]>::from(Md5::digest("hello hello hello")));
            assert_eq!(chunks.concat().len(), 28);
        }
    }

    #[test]
    fn bytes_are_cut_into_chunks_of_one_length() {
        let bytes: Vec<u8> = (0..600_000_u32).map(|number| (number >> 3) as u8).collect();
        let (content, chunks) = packed("image/png", &[&bytes[..300_000], &bytes[300_000..]]);
        let lengths: Vec<usize> = chunks.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [CHUNK_BYTES, CHUNK_BYTES, 600_000 - 2 * CHUNK_BYTES]);
        assert_eq!(chunks.concat(), bytes);
        assert_eq!(content.digest, content.received_digest);
        assert_eq!(content.content, <[u8; 32]>::from(Sha256::digest(&bytes)));
    }
}
