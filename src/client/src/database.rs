//! A database behind a URL, as an end of a replication: one function per request, by theme in the
//! modules below.

mod attached;
mod carrying;
mod changes;
mod documents;
mod information;
mod mending;
mod store;
mod uploading;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, PROXY_AUTHORIZATION, USER_AGENT,
};
use hyper::{Method, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use refuge_packing::Coding;
use refuge_replication::{Answer, EndFailure, RemoteAddress, Request};

use crate::carriage::{Pieces, StreamBody};
use crate::connections::Connections;
use crate::exchange::{ANSWER_DEADLINE, Body, ExchangeFailure, Way};
use crate::link::{Link, LinkOptions};
use crate::proxy::basic;

/// RFC 3986 §2.3: what needs no percent sign anywhere in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Bodies up to this are packed where they are, in a millisecond or two.
const PACKED_INLINE_BYTES: usize = 128 << 10;

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
    link: Arc<Link>,
    /// Without credentials.
    url: String,
    /// Of every request.
    headers: HeaderMap,
    /// The peer does not know `_bulk_get`.
    without_bulk_get: AtomicBool,
    /// The peer takes no uploads in parts.
    without_uploads: AtomicBool,
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
        Self::over(connections, address, LinkOptions::default())
    }

    /// The same, reached as the options say.
    ///
    /// # Errors
    /// As [`RemoteDatabase::new`].
    pub fn over(
        connections: Connections,
        address: &RemoteAddress,
        options: LinkOptions,
    ) -> Result<Self, AddressError> {
        let url = address.url.trim_end_matches('/').to_owned();
        if url.parse::<Uri>().is_err() {
            return Err(AddressError::Url(url));
        }
        let mut headers = headers_of(address)?;
        // Of TLS, a proxy sees no requests: it is told with the tunnel who asks.
        if url.starts_with("http://")
            && let Some(authorization) = connections.proxy_authorization()
        {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        Ok(Self {
            shared: Arc::new(Shared {
                connections,
                link: Link::new(options),
                url,
                headers,
                without_bulk_get: AtomicBool::new(false),
                without_uploads: AtomicBool::new(false),
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
            Request::CreateDatabase { ttl, access, partitioned, shards } => {
                self.create((*ttl, *access), *partitioned, *shards).await.map(|()| Answer::Created)
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

    /// Sends a request, its body packed where the link is slow. An end that refuses it so gets it plain,
    /// and is sent no packed ones any more.
    async fn send(&self, outgoing: Outgoing<'_>) -> Result<Body, ExchangeFailure> {
        let link = &self.shared.link;
        let json = outgoing.json.clone().unwrap_or_default();
        let packed = match link.coding(json.len()) {
            Some(coding) => packed(coding, json.clone()).await.map(|body| (coding, body)),
            None => None,
        };
        let Some((coding, body)) = packed else {
            return self.send_body(&outgoing, json, None).await;
        };
        match self.send_body(&outgoing, body, Some(coding)).await {
            Err(failure) if matches!(failure.status(), Some(400 | 415)) => {
                let plain = self.send_body(&outgoing, json, None).await;
                if plain.as_ref().err().and_then(ExchangeFailure::status) != failure.status() {
                    link.refuses_packed();
                }
                plain
            }
            outcome => outcome,
        }
    }

    async fn send_body(
        &self,
        outgoing: &Outgoing<'_>,
        body: Bytes,
        coding: Option<Coding>,
    ) -> Result<Body, ExchangeFailure> {
        let link = &self.shared.link;
        let body = Pieces(body).boxed_unsync();
        let mut request = self.request(outgoing.method.clone(), outgoing.path, body)?;
        let headers = request.headers_mut();
        if let Some(accept) = outgoing.accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        } else if link.asks_for_packed() {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("zstd, gzip"));
        }
        for (name, value) in &outgoing.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        }
        let permit = match outgoing.kind {
            Kind::Waiting | Kind::GoingOn => None,
            Kind::Carriage => link.carriage_permit().await,
            Kind::Usual => link.permit().await,
        };
        let waits = outgoing.kind == Kind::Waiting;
        let deadline = match waits {
            true => outgoing.deadline,
            false => link.patience(outgoing.deadline),
        };
        // How long somebody waits for news says nothing of the link.
        let way = Way { timed: !waits, ..self.way() };
        way.send(request, deadline, permit).await
    }

    /// Sends a request whose body is produced while it is sent.
    async fn send_stream(
        &self,
        request: hyper::Request<StreamBody>,
    ) -> Result<Body, ExchangeFailure> {
        let link = &self.shared.link;
        let permit = link.carriage_permit().await;
        let way = Way { timed: false, ..self.way() };
        way.send(request, link.patience(ANSWER_DEADLINE), permit).await
    }

    fn way(&self) -> Way<'_> {
        Way { connections: &self.shared.connections, link: &self.shared.link, timed: true }
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
    /// Further ones.
    headers: Vec<(HeaderName, String)>,
    /// Until the head of the answer.
    deadline: Duration,
    kind: Kind,
}

/// How a request is counted among those under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Usual,
    /// It waits for something to happen, and is not counted.
    Waiting,
    /// Its answer is a document that is carried: these are counted by themselves.
    Carriage,
    /// Its answer goes on with such a document. It is counted already as far as its carriage is under way, and
    /// two that waited for each other's place would wait for ever.
    GoingOn,
}

impl<'a> Outgoing<'a> {
    fn new(method: Method, path: &'a str) -> Self {
        Self {
            method,
            path,
            json: None,
            accept: None,
            headers: Vec::new(),
            deadline: ANSWER_DEADLINE,
            kind: Kind::Usual,
        }
    }

    fn get(path: &'a str) -> Self {
        Self::new(Method::GET, path)
    }

    fn json(self, json: Vec<u8>) -> Self {
        Self { json: Some(Bytes::from(json)), ..self }
    }

    fn accept(self, accept: &'static str) -> Self {
        Self { accept: Some(accept), ..self }
    }

    fn headers(self, headers: Vec<(HeaderName, String)>) -> Self {
        Self { headers, ..self }
    }

    /// It waits for so long.
    fn waiting(self, deadline: Duration) -> Self {
        Self { deadline, kind: Kind::Waiting, ..self }
    }

    /// Its answer is carried elsewhere while it comes.
    fn carriage(self) -> Self {
        Self { kind: Kind::Carriage, ..self }
    }

    /// Its answer goes on with a document that is being carried.
    fn going_on(self) -> Self {
        Self { kind: Kind::GoingOn, ..self }
    }
}

/// A body, packed; on a thread for slow work where it takes longer than a millisecond or so.
async fn packed(coding: Coding, plain: Bytes) -> Option<Bytes> {
    if plain.len() <= PACKED_INLINE_BYTES {
        return refuge_packing::packed(coding, &plain).ok();
    }
    let packing = tokio::task::spawn_blocking(move || refuge_packing::packed(coding, &plain));
    packing.await.ok()?.ok()
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
        headers.insert(AUTHORIZATION, basic(credentials)?);
    }
    Ok(headers)
}
