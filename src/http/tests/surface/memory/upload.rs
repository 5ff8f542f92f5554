//! Attachments on their way into a database in memory.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use md5::Md5;
use refuge_document::Encoding;
use refuge_http::{Failure, Upload, UploadOptions, UploadedContent};
use sha2::{Digest, Sha256};

use super::state::State;

/// Bytes that came so far.
pub(super) struct MemoryUpload {
    pub(super) state: Arc<Mutex<State>>,
    pub(super) options: UploadOptions,
    pub(super) received: Vec<u8>,
}

#[async_trait]
impl Upload for MemoryUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.received.extend_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<UploadedContent, Failure> {
        let received = self.received;
        let gzips = self.options.content_type.starts_with("text/");
        let received_digest = Md5::digest(&received).into();
        let (stored, length, encoding) = if self.options.already_gzipped {
            let mut plain = Vec::new();
            let mut decoder = flate2::read::MultiGzDecoder::new(received.as_slice());
            if decoder.read_to_end(&mut plain).is_err() {
                return Err(Failure::BadRequest("the attachment is not gzip".to_owned()));
            }
            (received, plain.len(), Encoding::Gzip)
        } else if gzips {
            let level = flate2::Compression::new(8);
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(&received).unwrap();
            (encoder.finish().unwrap(), received.len(), Encoding::Gzip)
        } else {
            let length = received.len();
            (received, length, Encoding::Identity)
        };
        let content: [u8; 32] = Sha256::digest(&stored).into();
        let uploaded = UploadedContent {
            digest: Md5::digest(&stored).into(),
            content,
            length: length as u64,
            stored_length: stored.len() as u64,
            encoding,
            received_digest,
        };
        self.state.lock().unwrap().contents.insert(content, stored);
        Ok(uploaded)
    }
}
