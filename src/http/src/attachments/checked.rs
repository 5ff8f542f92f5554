//! Uploads of bytes that are said to be gzipped: what is not, or is cut off, is refused before a document
//! holds it. What is stored are the bytes as they came.

use std::io::{Sink, Write};

use async_trait::async_trait;
use bytes::Bytes;
use flate2::write::MultiGzDecoder;

use crate::failure::Failure;
use crate::node::{Upload, UploadedContent};

/// Packed bytes that are unpacked at a time: gzip makes at most about a thousandfold of them, after which
/// others have their turn on the thread.
const UNPACKED_AT_ONCE_BYTES: usize = 4 * 1024;

/// An upload whose bytes are unpacked beside it, to be forgotten.
pub(super) struct CheckedUpload {
    upload: Box<dyn Upload>,
    decoder: MultiGzDecoder<Sink>,
}

impl CheckedUpload {
    /// Around an upload.
    pub(super) fn new(upload: Box<dyn Upload>) -> Self {
        Self { upload, decoder: MultiGzDecoder::new(std::io::sink()) }
    }
}

#[async_trait]
impl Upload for CheckedUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        for some in bytes.chunks(UNPACKED_AT_ONCE_BYTES) {
            self.decoder.write_all(some).map_err(|_| not_gzip())?;
            tokio::task::yield_now().await;
        }
        self.upload.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<UploadedContent, Failure> {
        self.decoder.finish().map_err(|_| not_gzip())?;
        self.upload.finish().await
    }
}

fn not_gzip() -> Failure {
    Failure::BadRequest("the bytes are not gzip, as Content-Encoding says that they are".to_owned())
}
