//! Bytes of an attachment on their way into the storage: gzipped where their type is text, digested,
//! cut into chunks, and stored chunk by chunk, so that no more than a chunk is held.

use std::io::Write;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use flate2::{Compression, GzBuilder, write::GzEncoder};
use md5::{Digest, Md5};
use refuge_document::Encoding;
use refuge_http::{Failure, Upload, UploadOptions, UploadedContent};
use refuge_otp::Names;
use refuge_storage::{DatabaseId, Operation, Outcome};
use sha2::Sha256;

use crate::engine::StorageDoors;
use crate::{names, unavailable};

/// Bytes of one stored chunk.
const CHUNK_BYTES: usize = 256 * 1024;
/// CouchDB's compression level. With the real zlib it gives CouchDB's very bytes, whose MD5 is part
/// of the revision id.
const GZIP_LEVEL: u32 = 8;
/// The "operating system" byte that zlib writes into the header on Unix.
const GZIP_SYSTEM_UNIX: u8 = 3;

/// One upload under way.
pub(crate) struct AttachmentUpload {
    names: Names,
    database: DatabaseId,
    upload: [u8; 16],
    options: UploadOptions,
    gzip: Option<GzEncoder<Vec<u8>>>,
    pending: BytesMut,
    chunks: u32,
    digests: Digests,
}

#[derive(Default)]
struct Digests {
    received: Md5,
    stored_md5: Md5,
    stored_sha256: Sha256,
    length: u64,
    stored_length: u64,
}

impl AttachmentUpload {
    pub(crate) fn new(names: Names, database: DatabaseId, options: UploadOptions) -> Self {
        let compress = !options.already_gzipped && is_compressible(&options.content_type);
        let gzip = compress.then(|| {
            GzBuilder::new()
                .operating_system(GZIP_SYSTEM_UNIX)
                .write(Vec::new(), Compression::new(GZIP_LEVEL))
        });
        Self {
            names,
            database,
            upload: rand::random(),
            options,
            gzip,
            pending: BytesMut::new(),
            chunks: 0,
            digests: Digests::default(),
        }
    }

    /// Digests and gathers bytes as they are to be stored.
    fn take_stored(&mut self, bytes: &[u8]) {
        self.digests.stored_md5.update(bytes);
        self.digests.stored_sha256.update(bytes);
        self.digests.stored_length += bytes.len() as u64;
        self.pending.extend_from_slice(bytes);
    }

    async fn store_full_chunks(&mut self) -> Result<(), Failure> {
        while self.pending.len() >= CHUNK_BYTES {
            let chunk = self.pending.split_to(CHUNK_BYTES).freeze();
            self.store(chunk).await?;
        }
        Ok(())
    }

    async fn store(&mut self, bytes: Bytes) -> Result<(), Failure> {
        let number = self.chunks;
        self.chunks += 1;
        let (database, upload) = (self.database, self.upload);
        self.commit(Operation::Chunk { database, upload, number, bytes }).await
    }

    async fn commit(&self, operation: Operation) -> Result<(), Failure> {
        let doors = self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        match doors.writer.commit(operation).await {
            Ok(Outcome::NoSuchDatabase) => Err(Failure::NoDatabase),
            Ok(Outcome::NoSuchUpload) => Err(Failure::Unavailable(
                "the upload rested too long and was given up; send the attachment again".to_owned(),
            )),
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}

#[async_trait]
impl Upload for AttachmentUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.digests.received.update(&bytes);
        self.digests.length += bytes.len() as u64;
        match &mut self.gzip {
            None => self.take_stored(&bytes),
            Some(gzip) => {
                gzip.write_all(&bytes).map_err(|error| Failure::Internal(error.to_string()))?;
                let encoded = std::mem::take(gzip.get_mut());
                self.take_stored(&encoded);
            }
        }
        self.store_full_chunks().await
    }

    async fn finish(mut self: Box<Self>) -> Result<UploadedContent, Failure> {
        let mut encoding = Encoding::Identity;
        if let Some(gzip) = self.gzip.take() {
            let rest = gzip.finish().map_err(|error| Failure::Internal(error.to_string()))?;
            self.take_stored(&rest);
            encoding = Encoding::Gzip;
        }
        if self.options.already_gzipped {
            encoding = Encoding::Gzip;
        }
        self.store_full_chunks().await?;
        if !self.pending.is_empty() {
            let rest = self.pending.split().freeze();
            self.store(rest).await?;
        }
        let digests = std::mem::take(&mut self.digests);
        let content: [u8; 32] = digests.stored_sha256.finalize().into();
        self.commit(Operation::FinishUpload {
            database: self.database,
            upload: self.upload,
            content,
            chunks: self.chunks,
            stored_length: digests.stored_length,
        })
        .await?;
        Ok(UploadedContent {
            digest: digests.stored_md5.finalize().into(),
            content,
            length: digests.length,
            stored_length: digests.stored_length,
            encoding,
            received_digest: digests.received.finalize().into(),
        })
    }
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

    #[test]
    fn text_is_compressible_and_pictures_are_not() {
        assert!(is_compressible("text/plain; charset=utf-8"));
        assert!(is_compressible("Application/JSON"));
        assert!(!is_compressible("image/png"));
    }

    #[test]
    fn gzip_gives_the_bytes_of_couchdb() {
        let mut gzip = GzBuilder::new()
            .operating_system(GZIP_SYSTEM_UNIX)
            .write(Vec::new(), Compression::new(GZIP_LEVEL));
        gzip.write_all(b"hello hello hello").unwrap();
        let bytes = gzip.finish().unwrap();
        // tests/vectors/revisions.json: md5-EGZM0DR7tfylLvvZCXP1ug==, 28 bytes.
        assert_eq!(bytes.len(), 28);
        let digest: [u8; 16] = Md5::digest(&bytes).into();
        assert_eq!(crate::hexadecimal(&digest), "10664cd0347bb5fca52efbd90973f5ba");
    }
}
