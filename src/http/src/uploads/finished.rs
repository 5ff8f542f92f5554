//! An upload that is whole, on its way into a document: its bytes go the way that those of a request's
//! body go, so that they become the same revision.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;

use super::{give_up, headers, known};
use crate::attachments::begin_checked_upload;
use crate::body::RequestBody;
use crate::failure::Failure;
use crate::node::{Database, ResumableUploadState, UploadOptions, UploadedContent};
use crate::replicated::ReplicatedError;
use crate::request::Request;

/// An upload that a `PUT` of an attachment or of a document names instead of sending bytes.
pub(crate) struct FinishedUpload {
    id: String,
    state: ResumableUploadState,
}

impl FinishedUpload {
    /// The one that a request names; `None` where it names none. 404 where there is none, 412 where
    /// bytes are missing, 400 where the request has a body of its own.
    pub(crate) async fn of(
        request: &Request,
        database: &dyn Database,
    ) -> Result<Option<Self>, Failure> {
        let Some(id) = request.query.text("upload") else { return Ok(None) };
        let state = known(database, &request.user, id).await?;
        if !request.body.is_finished() && request.body.remaining() != Some(0) {
            return Err(Failure::BadRequest(
                "an attachment is either an upload or the body of the request".to_owned(),
            ));
        }
        if state.length != Some(state.received) {
            let ResumableUploadState { received, length, .. } = state;
            let of = length.map_or("an unknown number".to_owned(), |length| length.to_string());
            return Err(Failure::PreconditionFailed {
                error: "upload_incomplete",
                reason: format!("{received} of {of} bytes of the upload have come"),
            });
        }
        Ok(Some(Self { id: id.to_owned(), state }))
    }

    /// The media type that its maker told.
    pub(crate) fn content_type(&self) -> Option<String> {
        headers::file_type(&self.state.metadata)
    }

    /// Its bytes as the body of the request that names it.
    pub(crate) fn as_body(&self, request: &Request, database: &Arc<dyn Database>) -> RequestBody {
        let (database, id, length) = (database.clone(), self.id.clone(), self.state.received);
        let bytes = futures_util::stream::try_unfold(0, move |offset| {
            let (database, id) = (database.clone(), id.clone());
            async move {
                if offset >= length {
                    return Ok(None);
                }
                let bytes = read(database.as_ref(), &id, offset).await?;
                let next = offset + bytes.len() as u64;
                Ok::<_, ReplicatedError>(Some((Frame::data(bytes), next)))
            }
        });
        let held = request.session.request_bytes().none();
        let body = StreamBody::new(bytes).boxed_unsync();
        RequestBody::of_stream(body, held, request.rules.clone())
    }

    /// Stores its bytes as those of the attachment of this name.
    pub(crate) async fn store(
        &self,
        request: &Request,
        database: &dyn Database,
        name: &str,
        options: UploadOptions,
    ) -> Result<UploadedContent, Failure> {
        let mut upload = begin_checked_upload(database, request.limits(), name, options).await?;
        let mut offset = 0;
        while offset < self.state.received {
            let bytes = read(database, &self.id, offset).await?;
            offset += bytes.len() as u64;
            upload.write(bytes).await?;
        }
        upload.finish().await
    }

    /// The document holds the bytes now.
    pub(crate) async fn end(self, database: &dyn Database) {
        give_up(database, &self.id).await;
    }
}

/// Some of its bytes from `offset` on.
async fn read(database: &dyn Database, id: &str, offset: u64) -> Result<Bytes, Failure> {
    let bytes = database.resumable_uploads()?.bytes(id, offset).await?;
    let bytes = bytes.filter(|bytes| !bytes.is_empty());
    bytes.ok_or_else(|| Failure::NotFound("the upload was given up meanwhile".to_owned()))
}
