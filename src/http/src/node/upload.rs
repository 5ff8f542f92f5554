//! The way of a new attachment's bytes into a database. Which document comes to hold them is told by
//! the edit.

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::Encoding;

use crate::failure::Failure;

/// Bytes of a new attachment on their way in.
#[async_trait]
pub trait Upload: Send {
    /// Takes more bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure>;

    /// Ends the upload; the content is stored under its digest, and durable with the document that
    /// comes to hold it.
    async fn finish(self: Box<Self>) -> Result<UploadedContent, Failure>;
}

/// How the bytes of an upload are to be kept.
#[derive(Clone, Debug)]
pub struct UploadOptions {
    /// MIME type; types of text are stored gzipped.
    pub content_type: String,
    /// The bytes come gzipped already and are kept as they are; the identity length where known.
    pub already_gzipped: bool,
}

/// What an upload became.
#[derive(Clone, Debug)]
pub struct UploadedContent {
    /// MD5 of the stored bytes.
    pub digest: [u8; 16],
    /// SHA-256 of the stored bytes: their address.
    pub content: [u8; 32],
    /// Length in bytes before encoding.
    pub length: u64,
    /// Length in bytes as stored.
    pub stored_length: u64,
    /// How they are stored.
    pub encoding: Encoding,
    /// MD5 of the bytes as they came, to compare with `Content-MD5` and a client's digest.
    pub received_digest: [u8; 16],
}
