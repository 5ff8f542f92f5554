//! One revision with its attachments as a stream: read with `GET /{db}/{docid}?rev=…` as
//! `multipart/related`, stored with `PUT /{db}/{docid}?new_edits=false`, the bytes as they come.

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{CONTENT_TYPE, HeaderValue, RANGE};
use hyper::{Method, StatusCode};
use refuge_replication::{Carriage, EndFailure, Refusal, Wanted};

use super::uploading::Filled;
use super::{Outgoing, RemoteDatabase, document_path, encoded};
use crate::carriage::{CarriageSource, CarriedDocument, Pieces, StreamBody};
use crate::exchange::{ERROR_BODY_BYTES, ExchangeFailure};
use crate::failure::ErrorAnswer;
use crate::resuming::same;

/// Ancestors that are named in a URL: the newest are enough, and servers bound URLs.
const ANCESTORS_PER_URL: usize = 20;

/// From this length on a document is sent in parts: what a cut costs else is more than the requests that
/// parts need, and that the target writes it twice.
const RESUMED_BYTES: u64 = 4 << 20;

/// Uploads of one document that a target may lose one after another before that is its failure.
const MOST_UPLOADS: usize = 3;

impl RemoteDatabase {
    /// The one revision that is wanted, with the attachments that are newer than the possible
    /// ancestors, from so many bytes on where the peer can do that; `None` where it is no longer there, or
    /// does not go on there as it was.
    ///
    /// # Errors
    /// What the failure means for the replication.
    pub async fn read_revision(
        &self,
        wanted: &Wanted,
        offset: u64,
    ) -> Result<Option<CarriedDocument>, EndFailure> {
        let Some(revision) = wanted.revisions.first() else { return Ok(None) };
        let mut path = format!(
            "{}?revs=true&attachments=true&rev={}",
            document_path(&wanted.id),
            encoded(&revision.to_string())
        );
        if !wanted.possible_ancestors.is_empty() {
            let mut ancestors: Vec<_> = wanted.possible_ancestors.iter().collect();
            ancestors.sort_by_key(|revision| std::cmp::Reverse(revision.depth));
            let texts = ancestors.into_iter().take(ANCESTORS_PER_URL).map(ToString::to_string);
            let texts = serde_json::Value::from(texts.collect::<Vec<_>>()).to_string();
            path.push_str(&format!("&atts_since={}", encoded(&texts)));
        }
        let range = (offset > 0).then(|| (RANGE, format!("bytes={offset}-")));
        let outgoing = Outgoing::new(Method::GET, &path)
            .accept("multipart/related, application/json")
            .headers(range.into_iter().collect());
        let outgoing = if offset > 0 { outgoing.going_on() } else { outgoing.carriage() };
        match self.send(outgoing).await {
            // From the beginning, or shorter than what is known: it is sent otherwise than before.
            Ok(body) if offset > 0 && body.status() != StatusCode::PARTIAL_CONTENT => Ok(None),
            Err(failure) if offset > 0 && failure.status() == Some(416) => Ok(None),
            Ok(body) => Ok(Some(self.mended(wanted, body.carried()))),
            Err(ExchangeFailure::Answer(answer))
                if answer.status == 404 && !answer.tells_of_missing_database() =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Stores a revision that comes as a stream, in parts that go on after a cut where both ends can do
    /// that and it is long.
    ///
    /// # Errors
    /// What the failure means for the replication; what was sent may have been stored or not.
    pub async fn store_revision(
        &self,
        id: &str,
        mut document: CarriedDocument,
        source: &dyn CarriageSource,
    ) -> Result<Carriage, EndFailure> {
        let told = document.content_type.clone();
        let content_type = HeaderValue::try_from(&told).map_err(|_| {
            EndFailure::permanent("the source sent a Content-Type that no header can hold")
        })?;
        let path = format!("{}?new_edits=false", document_path(id));
        let long = document.resumable_length.filter(|length| *length >= RESUMED_BYTES);
        let Some(length) = long else {
            return self.put_revision(id, &path, content_type, Some(document.body)).await;
        };
        for _ in 0..MOST_UPLOADS {
            let Some(mut upload) = self.begin_upload(length).await? else {
                return self.put_revision(id, &path, content_type, Some(document.body)).await;
            };
            match self.fill_upload(&upload, document, source).await? {
                Filled::Whole => {
                    let path = format!("{path}&upload={}", encoded(&upload.id));
                    let carriage = self.put_revision(id, &path, content_type, None).await?;
                    if carriage == Carriage::Stored {
                        upload.is_over();
                    }
                    return Ok(carriage);
                }
                Filled::Gone => {
                    upload.is_over();
                    document = same(source.open(0).await?, &told, length)?;
                }
            }
        }
        Err(EndFailure::transient("it forgets uploads before all of them came"))
    }

    /// Sends the document, or names the upload that holds it.
    async fn put_revision(
        &self,
        id: &str,
        path: &str,
        content_type: HeaderValue,
        body: Option<StreamBody>,
    ) -> Result<Carriage, EndFailure> {
        let was_uploaded = body.is_none();
        let body = body.unwrap_or_else(|| Pieces(Bytes::new()).boxed_unsync());
        let mut request = self.request(Method::PUT, path, body)?;
        request.headers_mut().insert(CONTENT_TYPE, content_type);
        match self.send_stream(request).await {
            Ok(body) => {
                body.read(ERROR_BODY_BYTES).await?;
                Ok(Carriage::Stored)
            }
            // Not all of it came, whatever the peer told of its parts.
            Err(ExchangeFailure::Answer(answer))
                if was_uploaded && answer.body.error == "upload_incomplete" =>
            {
                Err(EndFailure::transient(answer.reason()))
            }
            Err(ExchangeFailure::Answer(answer)) if is_refusal(&answer) => {
                let (error, reason) = (answer.body.error.clone(), answer.reason());
                Ok(Carriage::Refused(Refusal { id: id.to_owned(), error, reason }))
            }
            // The upload is gone, not the database: all of it is brought again.
            Err(ExchangeFailure::Answer(answer))
                if was_uploaded && answer.status == 404 && !answer.tells_of_missing_database() =>
            {
                Err(EndFailure::transient(answer.reason()))
            }
            Err(failure) => Err(failure.of_database()),
        }
    }
}

/// Whether the target will not take this document, while it may take others.
fn is_refusal(answer: &ErrorAnswer) -> bool {
    matches!(answer.status.as_u16(), 400 | 403 | 412 | 413 | 415)
}
