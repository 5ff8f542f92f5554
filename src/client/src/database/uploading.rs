//! A long document on its way to a node that takes it in parts (tus 1.0.0 at `/{db}/_uploads`): after a
//! cut it is asked how much of it came, and sent the rest.

use std::sync::atomic::Ordering;

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use refuge_replication::{EndFailure, EndFailureKind};
use tokio::runtime::Handle;

use super::{Outgoing, RemoteDatabase, encoded};
use crate::carriage::{CarriageSource, CarriedDocument};
use crate::exchange::{ExchangeFailure, header};
use crate::resuming::{Attempts, same};

const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const VERSION: &str = "1.0.0";
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// An upload that was begun. Where its value ends before it [`is_over`](Self::is_over) the peer is told to
/// forget it, for what was sent takes room there until it expires.
pub(super) struct BegunUpload {
    /// Its name at the peer.
    pub(super) id: String,
    length: u64,
    /// Where it is; `None` where there is nothing left to forget.
    at: Option<RemoteDatabase>,
}

impl BegunUpload {
    /// The peer has put its bytes to use, or does not know it any more.
    pub(super) fn is_over(&mut self) {
        self.at = None;
    }
}

impl Drop for BegunUpload {
    fn drop(&mut self) {
        if let (Some(database), Ok(runtime)) = (self.at.take(), Handle::try_current()) {
            let id = std::mem::take(&mut self.id);
            runtime.spawn(async move { database.forget_upload(&id).await });
        }
    }
}

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// All of it came.
    Whole,
    /// The peer does not know it any more.
    Gone,
}

/// Why a request about an upload brought nothing.
enum UploadFailure {
    /// The peer does not know it any more: it expired, or was removed.
    Gone,
    Failed(EndFailure),
}

impl From<ExchangeFailure> for UploadFailure {
    fn from(failure: ExchangeFailure) -> Self {
        match failure {
            ExchangeFailure::Answer(answer)
                if matches!(answer.status.as_u16(), 404 | 410)
                    && !answer.tells_of_missing_database() =>
            {
                Self::Gone
            }
            // Another place than where it ends, or somebody still writes: it is asked where it stands.
            ExchangeFailure::Answer(answer)
                if matches!(answer.status.as_u16(), 400 | 409 | 423) =>
            {
                let kind = EndFailureKind::Transient { retry_after_ms: None };
                Self::Failed(EndFailure::of(kind, answer.reason()))
            }
            failure => Self::Failed(failure.into()),
        }
    }
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
                let at = || Some(self.clone());
                let begun = |id: &str| BegunUpload { id: id.to_owned(), length, at: at() };
                Ok(id.filter(|_| is_upload).map(begun))
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

    /// Sends all of a document into an upload, however often the link is cut, as long as the peer knows it.
    pub(super) async fn fill_upload(
        &self,
        upload: &BegunUpload,
        document: CarriedDocument,
        source: &dyn CarriageSource,
    ) -> Result<Filled, EndFailure> {
        let content_type = document.content_type.clone();
        let mut next = Some(document);
        let (mut reached, mut attempts) = (0, Attempts::new());
        loop {
            let failure = match next.take() {
                Some(document) => match self.send_part(upload, reached, document).await {
                    Ok(()) => return Ok(Filled::Whole),
                    Err(UploadFailure::Gone) => return Ok(Filled::Gone),
                    Err(UploadFailure::Failed(failure)) => failure,
                },
                None => EndFailure::transient("the upload was cut"),
            };
            attempts.pause(failure).await?;
            match self.upload_reached(upload).await {
                Ok(now) if now >= upload.length => return Ok(Filled::Whole),
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
                Err(UploadFailure::Gone) => return Ok(Filled::Gone),
                Err(UploadFailure::Failed(failure)) => attempts.pause(failure).await?,
            }
        }
    }

    /// Sends the rest of a document; a success only where the peer tells that it has the whole.
    async fn send_part(
        &self,
        upload: &BegunUpload,
        offset: u64,
        document: CarriedDocument,
    ) -> Result<(), UploadFailure> {
        let path = format!("/_uploads/{}", encoded(&upload.id));
        let mut request = self.request(Method::PATCH, &path, document.body)?;
        let headers = request.headers_mut();
        headers.insert(RESUMABLE, HeaderValue::from_static(VERSION));
        headers.insert(OFFSET, HeaderValue::from(offset));
        let part = HeaderValue::from_static("application/offset+octet-stream");
        headers.insert(CONTENT_TYPE, part);
        let answer = self.send_stream(request).await?;
        match offset_told(answer.headers()) {
            Some(now) if now >= upload.length => Ok(()),
            Some(now) => {
                let reason = format!("{now} of {} bytes of an upload came", upload.length);
                Err(UploadFailure::Failed(EndFailure::transient(reason)))
            }
            None => Err(UploadFailure::Failed(untold())),
        }
    }

    /// How many bytes of an upload the peer has.
    async fn upload_reached(&self, upload: &BegunUpload) -> Result<u64, UploadFailure> {
        let path = format!("/_uploads/{}", encoded(&upload.id));
        let headers = vec![(RESUMABLE, VERSION.to_owned())];
        let outgoing = Outgoing::new(Method::HEAD, &path).headers(headers);
        let answer = self.send(outgoing).await?;
        offset_told(answer.headers()).ok_or_else(|| UploadFailure::Failed(untold()))
    }

    /// Tells the peer that an upload is needed no more. Where that does not reach it, it expires there.
    async fn forget_upload(&self, id: &str) {
        let path = format!("/_uploads/{}", encoded(id));
        let headers = vec![(RESUMABLE, VERSION.to_owned())];
        let outgoing = Outgoing::new(Method::DELETE, &path).headers(headers);
        let _ = self.send(outgoing).await;
    }
}

fn offset_told(headers: &HeaderMap) -> Option<u64> {
    header(headers, OFFSET).and_then(|text| text.parse().ok())
}

fn untold() -> EndFailure {
    EndFailure::transient("it does not tell how much of an upload came")
}
