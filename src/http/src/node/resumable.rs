//! Uploads that come in parts, each with a request of its own, and go on after a connection broke or
//! the node was restarted. What becomes of their bytes is told by the edit that takes them.

use async_trait::async_trait;
use bytes::Bytes;

use crate::failure::Failure;

/// The uploads of one database that may be resumed. Whoever asks has been found to be allowed to.
#[async_trait]
pub trait ResumableUploads: Send + Sync {
    /// Begins one; tells its id. Durable when it returns. [`Failure::TooMany`] or
    /// [`Failure::TooLarge`] beyond what the configuration allows.
    async fn begin(&self, new: NewResumableUpload) -> Result<ResumableUploadBegun, Failure>;

    /// What is known of one; `None` where there is none (any more).
    async fn known(&self, id: &str) -> Result<Option<ResumableUploadState>, Failure>;

    /// Opens it for more bytes. [`Failure::Locked`] while another request writes to it, and
    /// [`Failure::Overruled`] where it does not end at `part.offset`.
    async fn go_on(
        &self,
        id: &str,
        part: ResumableUploadPart,
    ) -> Result<Box<dyn PartUpload>, Failure>;

    /// Some of its bytes from `offset` on; empty at its end, `None` where there is no such upload.
    async fn bytes(&self, id: &str, offset: u64) -> Result<Option<Bytes>, Failure>;

    /// It is not needed any more; its bytes leave in the background. Durable when it returns.
    async fn end(&self, id: &str) -> Result<(), Failure>;
}

/// What is told of an upload at its beginning.
#[derive(Clone, Debug)]
pub struct NewResumableUpload {
    /// Whose it is: who made it, and alone may go on with it beside admins; `None` for whoever comes
    /// without a name.
    pub owner: Option<String>,
    /// Bytes that it will have, where that is known.
    pub length: Option<u64>,
    /// What its maker tells of it, kept as it is.
    pub metadata: String,
}

/// An upload that began.
#[derive(Clone, Debug)]
pub struct ResumableUploadBegun {
    /// Its id, which nobody guesses.
    pub id: String,
    /// When it is given up unless more comes, in milliseconds since 1970.
    pub expires_unix_ms: u64,
}

/// What is known of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumableUploadState {
    /// Whose it is: who made it, and alone may go on with it beside admins; `None` for whoever comes
    /// without a name.
    pub owner: Option<String>,
    /// Bytes that are on disk.
    pub received: u64,
    /// Bytes that it will have, once that is known.
    pub length: Option<u64>,
    /// What its maker told of it.
    pub metadata: String,
    /// When it is given up unless more comes, in milliseconds since 1970.
    pub expires_unix_ms: u64,
}

/// How a part of an upload comes.
#[derive(Clone, Copy, Debug)]
pub struct ResumableUploadPart {
    /// Where it begins.
    pub offset: u64,
    /// Bytes that the whole upload will have, where this request tells it.
    pub length: Option<u64>,
    /// Whether nothing of it counts before its end is found to be right.
    pub checked: bool,
}

/// The bytes of one part on their way in. Where it is dropped, what came is kept, unless the part is
/// `checked`.
#[async_trait]
pub trait PartUpload: Send {
    /// Takes more bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<(), Failure>;

    /// Ends the part; what came is kept where `keep`. What is known of the upload then, durable
    /// when it returns.
    async fn end(self: Box<Self>, keep: bool) -> Result<ResumableUploadState, Failure>;
}
