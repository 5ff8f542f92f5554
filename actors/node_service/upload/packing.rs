//! What is done to the bytes of an attachment before they are stored: gzipped where their type is
//! text, digested, cut into chunks. No input and output, and no waiting: whoever calls decides on
//! which thread.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use flate2::{GzBuilder, write::GzEncoder};
use md5::{Digest, Md5};
use refuge_config::Attachments;
use refuge_document::Encoding;
use refuge_http::{UploadOptions, UploadedContent};
use sha2::Sha256;

/// Bytes of one stored chunk.
pub(super) const CHUNK_BYTES: usize = 256 * 1024;
/// The "operating system" byte that zlib writes into the header on Unix.
const GZIP_SYSTEM_UNIX: u8 = 3;

/// Which attachments are gzipped, and how hard. At CouchDB's level, which is the default, the real zlib
/// gives CouchDB's very bytes, whose MD5 is part of the revision id; at another one the same edit makes
/// another revision.
pub(super) struct Compression {
    /// Media types in lower case; a family ends with `/*`.
    types: Vec<String>,
    /// Of zlib; 0 for none.
    level: u32,
}

impl Default for Compression {
    fn default() -> Self {
        Self::of(&Attachments::default())
    }
}

impl Compression {
    /// What the settings say.
    pub(super) fn of(settings: &Attachments) -> Self {
        let types = settings.compressible_types.split(',').map(str::trim);
        let types = types.filter(|item| !item.is_empty()).map(str::to_ascii_lowercase);
        Self { types: types.collect(), level: settings.compression_level }
    }

    /// Whether what has this type is gzipped.
    fn takes(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        let essence = essence.to_ascii_lowercase();
        let family = essence.split('/').next().unwrap_or_default();
        let is_one = |item: &String| match item.strip_suffix("/*") {
            Some(wanted) => wanted == family,
            None => *item == essence,
        };
        self.level > 0 && self.types.iter().any(is_one)
    }
}

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
    pub(super) fn new(options: &UploadOptions, compression: &Compression) -> Self {
        let compress = !options.already_gzipped && compression.takes(&options.content_type);
        let encoder = || encoder(compression.level);
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

fn encoder(level: u32) -> GzEncoder<Vec<u8>> {
    GzBuilder::new()
        .operating_system(GZIP_SYSTEM_UNIX)
        .write(Vec::new(), flate2::Compression::new(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(content_type: &str, pieces: &[&[u8]]) -> (UploadedContent, Vec<Bytes>) {
        let content_type = content_type.to_owned();
        let options = UploadOptions { content_type, already_gzipped: false };
        let mut packing = Packing::new(&options, &Compression::default());
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
        let usual = Compression::default();
        assert!(usual.takes("text/plain; charset=utf-8"));
        assert!(usual.takes("Application/JSON"));
        assert!(!usual.takes("image/png"));
    }

    #[test]
    fn what_is_compressible_is_for_the_settings_to_say() {
        let compression = |types: &str, compression_level| {
            let compressible_types = types.to_owned();
            let settings =
                Attachments { compressible_types, compression_level, ..Attachments::default() };
            Compression::of(&settings)
        };
        let some = compression("IMAGE/*, text/csv", 1);
        assert!(some.takes("image/svg+xml") && some.takes("text/csv;header=present"));
        assert!(!some.takes("text/plain") && !some.takes("imagery/x"));
        assert!(!compression("", 8).takes("text/plain"));
        assert!(!compression("text/*", 0).takes("text/plain"), "level 0 is no compression");
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
