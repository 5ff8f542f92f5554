//! One revision with its attachments as a stream: read with `GET /{db}/{docid}?rev=…` as
//! `multipart/related`, stored with `PUT /{db}/{docid}?new_edits=false`, the bytes as they come.

use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use refuge_replication::{Carriage, EndFailure, Refusal, Wanted};

use super::{Outgoing, RemoteDatabase, document_path, encoded};
use crate::carriage::CarriedDocument;
use crate::exchange::{ERROR_BODY_BYTES, ExchangeFailure, send_stream};
use crate::failure::ErrorAnswer;

/// Ancestors that are named in a URL: the newest are enough, and servers bound URLs.
const ANCESTORS_PER_URL: usize = 20;

impl RemoteDatabase {
    /// The one revision that is wanted, with the attachments that are newer than the possible
    /// ancestors; `None` where it is no longer there.
    ///
    /// # Errors
    /// What the failure means for the replication.
    pub async fn read_revision(
        &self,
        wanted: &Wanted,
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
        let outgoing =
            Outgoing::new(Method::GET, &path).accept("multipart/related, application/json");
        match self.send(outgoing).await {
            Ok(body) => Ok(Some(body.carried())),
            Err(ExchangeFailure::Answer(answer))
                if answer.status == 404 && !answer.tells_of_missing_database() =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Stores a revision that comes as a stream.
    ///
    /// # Errors
    /// What the failure means for the replication; what was sent may have been stored or not.
    pub async fn store_revision(
        &self,
        id: &str,
        document: CarriedDocument,
    ) -> Result<Carriage, EndFailure> {
        let path = format!("{}?new_edits=false", document_path(id));
        let mut request = self.request(Method::PUT, &path, document.body)?;
        let content_type = HeaderValue::try_from(document.content_type).map_err(|_| {
            EndFailure::permanent("the source sent a Content-Type that no header can hold")
        })?;
        request.headers_mut().insert(CONTENT_TYPE, content_type);
        match send_stream(&self.shared.connections, request).await {
            Ok(body) => {
                body.read(ERROR_BODY_BYTES).await?;
                Ok(Carriage::Stored)
            }
            Err(ExchangeFailure::Answer(answer)) if is_refusal(&answer) => {
                let (error, reason) = (answer.body.error.clone(), answer.reason());
                Ok(Carriage::Refused(Refusal { id: id.to_owned(), error, reason }))
            }
            Err(failure) => Err(failure.of_database()),
        }
    }
}

/// Whether the target will not take this document, while it may take others.
fn is_refusal(answer: &ErrorAnswer) -> bool {
    matches!(answer.status.as_u16(), 400 | 403 | 412 | 413 | 415)
}
