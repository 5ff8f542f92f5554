//! A long document on its way to a node that takes it in parts (tus 1.0.0 at `/{db}/_uploads`): after a
//! cut it is asked how much of it came, and sent the rest.

use std::sync::atomic::Ordering;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use refuge_replication::{EndFailure, EndFailureKind};

use super::{Outgoing, RemoteDatabase, encoded};
use crate::carriage::{CarriageSource, CarriedDocument};
use crate::exchange::{ExchangeFailure, header};
use crate::resuming::{Attempts, same};

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSION: &str = "1.0.0";
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// An upload that was begun.
pub(super) struct BegunUpload {
    /// Its name at the peer.
    pub(super) id: String,
    length: u64,
}

impl RemoteDatabase {
    /// Begins an upload of so many bytes; `None` where the peer knows no uploads or takes none of this
    /// length.
    pub(super) async fn begin_upload(
        &self,
        length: u64,
    ) -> Result<Option<BegunUpload>, EndFailure> {
        if self.shared.without_uploads.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let headers = vec![(RESUMABLE, VERSION.to_owned()), (LENGTH, length.to_string())];
        let outgoing = Outgoing::new(Method::POST, "/_uploads").headers(headers);
        match self.send(outgoing).await {
            Ok(body) => {
                let is_upload = header(body.headers(), RESUMABLE) == Some(VERSION);
                let id = header(body.headers(), LOCATION).and_then(|url| url.rsplit('/').next());
                Ok(id.filter(|_| is_upload).map(|id| BegunUpload { id: id.to_owned(), length }))
            }
            Err(ExchangeFailure::Answer(answer)) if answer.tells_of_missing_database() => {
                Err(answer.into())
            }
            Err(ExchangeFailure::Answer(answer)) if answer.status.is_client_error() => {
                // Too long, or too many: others may fit.
                if !matches!(answer.status.as_u16(), 413 | 429) {
                    self.shared.without_uploads.store(true, Ordering::Relaxed);
                }
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Sends all of a document into an upload, however often the link is cut.
    pub(super) async fn fill_upload(
        &self,
        upload: &BegunUpload,
        document: CarriedDocument,
        source: &dyn CarriageSource,
    ) -> Result<(), EndFailure> {
        let content_type = document.content_type.clone();
        let mut next = Some(document);
        let (mut reached, mut attempts) = (0, Attempts::new());
        loop {
            let failure = match next.take() {
                Some(document) => match self.send_part(upload, reached, document).await {
                    Ok(()) => return Ok(()),
                    Err(failure) => failure,
                },
                None => EndFailure::transient("the upload was cut"),
            };
            attempts.pause(failure).await?;
            match self.upload_reached(upload).await {
                Ok(now) if now >= upload.length => return Ok(()),
                Ok(now) => {
                    if now > reached {
                        attempts.moved();
                    }
                    reached = now;
                    match source.open(reached).await {
                        Ok(found) => next = Some(same(found, &content_type, upload.length)?),
                        Err(failure) => attempts.pause(failure).await?,
                    }
                }
                Err(failure) => attempts.pause(failure).await?,
            }
        }
    }

    async fn send_part(
        &self,
        upload: &BegunUpload,
        offset: u64,
        document: CarriedDocument,
    ) -> Result<(), EndFailure> {
        let path = format!("/_uploads/{}", encoded(&upload.id));
        let mut request = self.request(Method::PATCH, &path, document.body)?;
        let headers = request.headers_mut();
        headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
        headers.insert(OFFSET, HeaderValue::from(offset));
        let part = HeaderValue::from_static("application/offset+octet-stream");
        headers.insert(CONTENT_TYPE, part);
        match self.send_stream(request).await {
            Ok(_) => Ok(()),
            // Another place than where it ends, or somebody still writes: it is asked where it stands.
            Err(ExchangeFailure::Answer(answer))
                if matches!(answer.status.as_u16(), 400 | 409 | 423) =>
            {
                Err(EndFailure::of(
                    EndFailureKind::Transient { retry_after_ms: None },
                    answer.reason(),
                ))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// How many bytes of an upload the peer has.
    async fn upload_reached(&self, upload: &BegunUpload) -> Result<u64, EndFailure> {
        let path = format!("/_uploads/{}", encoded(&upload.id));
        let headers = vec![(RESUMABLE, VERSION.to_owned())];
        let outgoing = Outgoing::new(Method::HEAD, &path).headers(headers);
        let answer = self.send(outgoing).await?;
        let offset = header(answer.headers(), OFFSET).and_then(|text| text.parse().ok());
        offset.ok_or_else(|| EndFailure::transient("it does not tell how much of an upload came"))
    }
}
