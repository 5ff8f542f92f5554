//! Uploads that end at the size which the configuration allows. Storing their bytes is the database's.

use async_trait::async_trait;
use bytes::Bytes;

use super::checked::CheckedUpload;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::node::{Database, Upload, UploadOptions, UploadedContent};

/// An upload that takes only so many bytes more.
struct BoundedUpload {
    upload: Box<dyn Upload>,
    name: String,
    left: u64,
}

/// Begins to upload the attachment of this name, which is answered 413 `attachment_too_large` as soon as
/// it has more bytes than `max_attachment_size`.
pub(crate) async fn begin_upload(
    database: &dyn Database,
    limits: &Limits,
    name: &str,
    options: UploadOptions,
) -> Result<Box<dyn Upload>, Failure> {
    let upload = database.upload(options).await?;
    if limits.max_attachment_size == u64::MAX {
        return Ok(upload);
    }
    let name = name.to_owned();
    Ok(Box::new(BoundedUpload { upload, name, left: limits.max_attachment_size }))
}

/// The same; bytes that are said to be gzipped are refused (400) where they are not.
pub(crate) async fn begin_checked_upload(
    database: &dyn Database,
    limits: &Limits,
    name: &str,
    options: UploadOptions,
) -> Result<Box<dyn Upload>, Failure> {
    let is_checked = options.already_gzipped;
    let upload = begin_upload(database, limits, name, options).await?;
    Ok(if is_checked { Box::new(CheckedUpload::new(upload)) } else { upload })
}

#[async_trait]
impl Upload for BoundedUpload {
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| too_large(&self.name))?;
        self.upload.write(bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<UploadedContent, Failure> {
        self.upload.finish().await
    }
}

fn too_large(name: &str) -> Failure {
    Failure::TooLarge { error: "attachment_too_large", reason: name.to_owned() }
}
