//! A database behind a URL, as an end of a replication: one function per request, by theme in the
//! modules below.

mod attached;
mod carrying;
mod changes;
mod documents;
mod information;
mod store;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
};
use hyper::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use refuge_replication::{Answer, EndFailure, RemoteAddress, Request};

use crate::carriage::StreamBody;
use crate::connections::Connections;
use crate::exchange::{ANSWER_DEADLINE, Body, ExchangeFailure, send};

/// RFC 3986 §2.3: what needs no percent sign anywhere in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What calls itself so to servers.
pub(crate) const AGENT: &str = concat!("refuge/", env!("CARGO_PKG_VERSION"));

/// An address that no request can be sent to. Never shows values: a header may hold a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not a URL that HTTP knows.
    #[error("`{0}` is not a URL of a database")]
    Url(String),
    /// Not a header that HTTP knows.
    #[error("the header `{0}` cannot be sent: its name or value is not allowed")]
    Header(String),
    /// A name or password that no header can hold.
    #[error("the credentials cannot be sent")]
    Credentials,
}

/// One remote database. Clones share its connections and what was learned of it. `Debug` shows its
/// URL alone.
#[derive(Clone)]
pub struct RemoteDatabase {
    shared: Arc<Shared>,
}

struct Shared {
    connections: Connections,
    /// Without credentials.
    url: String,
    /// Of every request.
    headers: HeaderMap,
    /// The peer does not know `_bulk_get`.
    without_bulk_get: AtomicBool,
    /// Running mean of the documents it sent, bytes; 0 before the first.
    mean_document_bytes: AtomicU64,
}

impl fmt::Debug for RemoteDatabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("RemoteDatabase").field(&self.shared.url).finish()
    }
}

impl RemoteDatabase {
    /// The database at this address, reached through this pool. Nothing is sent yet.
    ///
    /// # Errors
    /// [`AddressError`] where the URL, a header or the credentials cannot stand in a request.
    pub fn new(connections: Connections, address: &RemoteAddress) -> Result<Self, AddressError> {
        let url = address.url.trim_end_matches('/').to_owned();
        if url.parse::<Uri>().is_err() {
            return Err(AddressError::Url(url));
        }
        Ok(Self {
            shared: Arc::new(Shared {
                connections,
                url,
                headers: headers_of(address)?,
                without_bulk_get: AtomicBool::new(false),
                mean_document_bytes: AtomicU64::new(0),
            }),
        })
    }

    /// Its URL, without credentials.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// Carries out a request of a replication. May be dropped at any time: what was sent may then
    /// have been done or not.
    ///
    /// # Errors
    /// What the failure means for the replication; the text holds no credentials.
    pub async fn perform(&self, request: &Request) -> Result<Answer, EndFailure> {
        match request {
            Request::Information => self.information().await.map(Answer::Information),
            Request::CreateDatabase { ttl, partitioned, shards } => {
                self.create(*ttl, *partitioned, *shards).await.map(|()| Answer::Created)
            }
            Request::Checkpoint { local_id } => {
                self.checkpoint(local_id).await.map(Answer::Checkpoint)
            }
            Request::WriteCheckpoint { local_id, body, revision } => {
                let revision = self.write_checkpoint(local_id, body, revision.as_deref()).await?;
                Ok(Answer::CheckpointWritten { revision })
            }
            Request::DesignDocument { name } => {
                self.design_document(name).await.map(Answer::DesignDocument)
            }
            Request::Changes { selection, since, limit, wait } => {
                let page = self.changes(selection, since, *limit, *wait).await?;
                Ok(Answer::Changes(page))
            }
            Request::RevisionsDiff { revisions } => {
                let differences = self.revisions_diff(revisions).await?;
                Ok(Answer::Differences(differences))
            }
            Request::Documents { wanted, limit_bytes } => {
                let page = self.documents(wanted, *limit_bytes).await?;
                Ok(Answer::Documents(page))
            }
            Request::Store { documents } => {
                let refused = self.store(documents).await?;
                Ok(Answer::Stored { refused })
            }
            Request::Carry { .. } => {
                Err(EndFailure::permanent("a revision is carried between two ends, not by one"))
            }
            Request::EnsureFullCommit => {
                let instance_start_time = self.ensure_full_commit().await?;
                Ok(Answer::Committed { instance_start_time })
            }
        }
    }

    async fn get(&self, path: &str) -> Result<Body, ExchangeFailure> {
        self.send(Outgoing::new(Method::GET, path)).await
    }

    async fn post(&self, path: &str, json: Vec<u8>) -> Result<Body, ExchangeFailure> {
        self.send(Outgoing::new(Method::POST, path).json(json)).await
    }

    async fn send(&self, outgoing: Outgoing<'_>) -> Result<Body, ExchangeFailure> {
        let json = Full::new(outgoing.json.unwrap_or_default());
        let body = json.map_err(|never| match never {}).boxed_unsync();
        let mut request = self.request(outgoing.method, outgoing.path, body)?;
        if let Some(accept) = outgoing.accept {
            request.headers_mut().insert(ACCEPT, HeaderValue::from_static(accept));
        }
        send(&self.shared.connections, request, outgoing.deadline).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: StreamBody,
    ) -> Result<hyper::Request<StreamBody>, ExchangeFailure> {
        let uri = format!("{}{path}", self.shared.url);
        let request = hyper::Request::builder().method(method).uri(uri).body(body);
        let mut request = request.map_err(|error| {
            let reason = format!("the request cannot be made: {error}");
            ExchangeFailure::Unanswered(EndFailure::permanent(reason))
        })?;
        *request.headers_mut() = self.shared.headers.clone();
        Ok(request)
    }
}

/// A request before the database's own parts are added.
struct Outgoing<'a> {
    method: Method,
    /// Behind the database's URL, with the slash and the query, percent-encoded.
    path: &'a str,
    json: Option<Bytes>,
    /// Instead of JSON.
    accept: Option<&'static str>,
    /// Until the head of the answer.
    deadline: Duration,
}

impl<'a> Outgoing<'a> {
    fn new(method: Method, path: &'a str) -> Self {
        Self { method, path, json: None, accept: None, deadline: ANSWER_DEADLINE }
    }

    fn json(self, json: Vec<u8>) -> Self {
        Self { json: Some(Bytes::from(json)), ..self }
    }

    fn accept(self, accept: &'static str) -> Self {
        Self { accept: Some(accept), ..self }
    }

    fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }
}

/// One segment of a path, or a value of a query.
fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The path of a document: the slash of a design document stays, as CouchDB redirects without it.
fn document_path(id: &str) -> String {
    match id.strip_prefix("_design/") {
        Some(name) => format!("/_design/{}", encoded(name)),
        None => format!("/{}", encoded(id)),
    }
}

fn headers_of(address: &RemoteAddress) -> Result<HeaderMap, AddressError> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in &address.headers {
        let wrong = || AddressError::Header(name.clone());
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if let Some(credentials) = &address.credentials {
        let pair = format!("{}:{}", credentials.username, credentials.password);
        let value = format!("Basic {}", STANDARD.encode(pair));
        let value = HeaderValue::try_from(value);
        let mut value = value.map_err(|_| AddressError::Credentials)?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}
