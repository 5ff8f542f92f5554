//! A database behind a URL, as an end of a replication: one function per request, by theme in the
//! modules below.

mod attached;
mod carrying;
mod changes;
mod documents;
mod information;
mod mending;
mod outgoing;
mod redirection;
mod store;
mod uploading;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, USER_AGENT,
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
use outgoing::{Kind, Outgoing};
use redirection::{Base, MOST_REDIRECTIONS};
use store::Unstored;

/// RFC 3986 §2.3: what needs no percent sign anywhere in a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Bodies up to this are packed where they are, in a millisecond or two.
const PACKED_INLINE_BYTES: usize = 128 << 10;

/// What any server may see of a request.
const PLAIN_HEADERS: [HeaderName; 3] = [USER_AGENT, ACCEPT, CONTENT_TYPE];

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
    /// Without credentials, as it was given.
    url: String,
    /// Where requests go, which redirections change.
    base: RwLock<Arc<Base>>,
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
        let mut base = Base { url: url.clone(), headers: headers_of(address)? };
        base.tell_proxy(connections.proxy_authorization());
        let without_bulk_get = options.without_bulk_get;
        Ok(Self {
            shared: Arc::new(Shared {
                connections,
                link: Link::new(options),
                url,
                base: RwLock::new(Arc::new(base)),
                without_bulk_get: AtomicBool::new(without_bulk_get),
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
                let Unstored { refused, overdue } = self.store(documents).await?;
                Ok(Answer::Stored { refused, overdue })
            }
            Request::Carry { .. } => {
                Err(EndFailure::permanent("a revision is carried between two ends, not by one"))
            }
            Request::EnsureFullCommit => {
                let instance = self.ensure_full_commit().await?;
                Ok(Answer::Committed { instance })
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

    /// Sends it to where the database is, following redirections, which are remembered.
    async fn send_body(
        &self,
        outgoing: &Outgoing<'_>,
        body: Bytes,
        coding: Option<Coding>,
    ) -> Result<Body, ExchangeFailure> {
        let connections = &self.shared.connections;
        let mut base = self.base();
        for _ in 0..=MOST_REDIRECTIONS {
            let outcome = self.send_to(&base, outgoing, (body.clone(), coding)).await;
            let Err(ExchangeFailure::Answer(answer)) = &outcome else { return outcome };
            // A node is what its key says, and nothing that another one names.
            if connections.lead_to_nodes() {
                return outcome;
            }
            let Some(mut next) = base.redirected(answer, outgoing.path, &PLAIN_HEADERS) else {
                return outcome;
            };
            next.tell_proxy(connections.proxy_authorization());
            base = Arc::new(next);
            *self.shared.base.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&base);
        }
        let reason = format!("it redirects more than {MOST_REDIRECTIONS} times");
        Err(ExchangeFailure::Unanswered(EndFailure::permanent(reason)))
    }

    async fn send_to(
        &self,
        base: &Base,
        outgoing: &Outgoing<'_>,
        (body, coding): (Bytes, Option<Coding>),
    ) -> Result<Body, ExchangeFailure> {
        let link = &self.shared.link;
        let body = Pieces(body).boxed_unsync();
        let mut request = request_to(base, outgoing.method.clone(), outgoing.path, body)?;
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
        request_to(&self.base(), method, path, body)
    }

    fn base(&self) -> Arc<Base> {
        Arc::clone(&self.shared.base.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn request_to(
    base: &Base,
    method: Method,
    path: &str,
    body: StreamBody,
) -> Result<hyper::Request<StreamBody>, ExchangeFailure> {
    let uri = format!("{}{path}", base.url);
    let request = hyper::Request::builder().method(method).uri(uri).body(body);
    let mut request = request.map_err(|error| {
        let reason = format!("the request cannot be made: {error}");
        ExchangeFailure::Unanswered(EndFailure::permanent(reason))
    })?;
    *request.headers_mut() = base.headers.clone();
    Ok(request)
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
