//! What one connection remembers between its requests: whose credentials were found good last, so
//! that a client that keeps its connection pays for one verification, and which node is at its other
//! end. Verifying, and whom to trust, is the node's.

mod proofs;
mod shown;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{HeaderMap, Method, StatusCode};
use tokio::sync::watch;

use self::shown::Shown;
use crate::connection::Peer;
use crate::failure::Failure;
use crate::node::Node;
use crate::request_bytes::RequestBytes;
use crate::request_metrics::RequestMetrics;
use crate::rules::AuthenticationRules;
use crate::shutdown::Shutdown;
use crate::user::{ADMIN_ROLE, Handler, Identity, Proof, User};

/// What the names of nodes begin with; nobody has such a name by a password.
const NODE_PREFIX: &str = "node:";

/// The memory of one connection.
pub(crate) struct ConnectionSession {
    /// Only the requests of this one connection (several at a time with HTTP/2) come here.
    verified: Mutex<Option<Verified>>,
    anonymous: Arc<User>,
    /// Whether a request came.
    begun: AtomicBool,
    peer: Peer,
    /// Whether a request was answered to the node at the other end because it was trusted.
    trusted: watch::Sender<bool>,
    server: HeaderValue,
    request_bytes: RequestBytes,
    shutdown: Shutdown,
    metrics: Option<Arc<RequestMetrics>>,
}

/// Who sent a request, and how that is known.
pub(crate) struct Sender {
    /// Who.
    pub(crate) user: Arc<User>,
    /// How they said so; none for nobody, and for nodes.
    pub(crate) handler: Option<Handler>,
    /// The value of a cookie that is to take the place of theirs.
    pub(crate) renewal: Option<Box<str>>,
}

struct Verified {
    handler: Handler,
    shown: Vec<u8>,
    generation: u64,
    until: Option<Instant>,
    user: Arc<User>,
}

impl ConnectionSession {
    /// For a new connection.
    pub(crate) fn new(node: &dyn Node, peer: Peer, shutdown: Shutdown) -> Self {
        let server = format!("CouchDB/3.5.0 (refuge {})", node.facts().version);
        Self {
            verified: Mutex::new(None),
            anonymous: Arc::new(User::default()),
            begun: AtomicBool::new(false),
            peer,
            trusted: watch::channel(false).0,
            server: HeaderValue::try_from(server)
                .unwrap_or(HeaderValue::from_static("CouchDB/3.5.0 (refuge)")),
            request_bytes: node.request_bytes(),
            shutdown,
            metrics: node.request_metrics(),
        }
    }

    /// Remembers that a request came.
    pub(crate) fn begin(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// Whether a request came.
    pub(crate) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whom the connection leads to.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What bounds the bytes of request bodies.
    pub(crate) fn request_bytes(&self) -> &RequestBytes {
        &self.request_bytes
    }

    /// The `Server` header.
    pub(crate) fn server(&self) -> &HeaderValue {
        &self.server
    }

    /// The sign that the node is about to stop.
    pub(crate) fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Counts a request that was answered.
    pub(crate) fn count(&self, method: &Method, status: StatusCode, time: Duration) {
        if let Some(metrics) = &self.metrics {
            metrics.count(method, status, time);
        }
    }

    /// Who sends a request with these headers. What is said there decides alone: unknown schemes and
    /// cookies that are not valid are anonymous, wrong passwords and tokens are failures. Where nothing
    /// is said it is the user or the node that a certificate names, or else anonymous.
    pub(crate) async fn sender(
        &self,
        node: &dyn Node,
        headers: &HeaderMap,
        (rules, address): (&AuthenticationRules, IpAddr),
    ) -> Result<Sender, Failure> {
        let mut said = headers.contains_key(AUTHORIZATION);
        for &handler in &rules.handlers {
            let Some(shown) = proofs::shown(handler, headers, &rules.proxy) else { continue };
            said = true;
            if let Some(user) = self.remembered(handler, &shown, node.credentials_generation()) {
                return Ok(Sender { user, handler: Some(handler), renewal: None });
            }
            let Some(proof) = proofs::read(handler, headers, &rules.proxy)? else { continue };
            let proof = (handler, &shown, proof);
            if let Some(sender) = Box::pin(self.look(node, proof, address)).await? {
                return Ok(sender);
            }
        }
        if !said && let Some(sender) = self.by_certificate(node, address).await? {
            return Ok(sender);
        }
        let peer = if said { None } else { self.peer_user(node) };
        let user = peer.unwrap_or_else(|| self.anonymous.clone());
        Ok(Sender { user, handler: None, renewal: None })
    }

    /// The client whom its certificate names, if there is such a user.
    async fn by_certificate(
        &self,
        node: &dyn Node,
        address: IpAddr,
    ) -> Result<Option<Sender>, Failure> {
        let client = self.peer.tls.as_ref();
        let Some(name) = client.and_then(|client| client.name.as_ref()) else { return Ok(None) };
        let (handler, shown) = (Handler::Certificate, Shown::one(name.as_bytes()));
        if let Some(user) = self.remembered(handler, &shown, node.credentials_generation()) {
            return Ok(Some(Sender { user, handler: Some(handler), renewal: None }));
        }
        let proof = Proof::Certificate(name.to_string());
        Box::pin(self.look(node, (handler, &shown, proof), address)).await
    }

    /// Asks the node about what was shown.
    async fn look(
        &self,
        node: &dyn Node,
        (handler, shown, proof): (Handler, &Shown<'_>, Proof),
        address: IpAddr,
    ) -> Result<Option<Sender>, Failure> {
        // Before the look, so that what changes meanwhile is looked at again.
        let generation = node.credentials_generation();
        let found = node.authenticate(&proof, address).await?;
        let Some(Identity { mut user, holds, renewal }) = found else { return Ok(None) };
        if user.name.as_ref().is_some_and(|name| name.starts_with(NODE_PREFIX)) {
            return Err(Failure::Unauthorized("Name or password is incorrect.".to_owned()));
        }
        user.roles.retain(|role| !is_of_the_mesh(role));
        let user = Arc::new(user);
        let until = holds.map(|holds| Instant::now() + holds);
        let shown = shown.to_bytes();
        let verified = Verified { handler, shown, generation, until, user: user.clone() };
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(verified);
        let renewal = renewal.map(String::into_boxed_str);
        Ok(Some(Sender { user, handler: Some(handler), renewal }))
    }

    /// The node at the other end, if it is trusted now.
    pub(crate) fn peer_user(&self, node: &dyn Node) -> Option<Arc<User>> {
        let user = node.peer_user(self.peer.certificate.as_ref()?)?;
        self.trusted.send_if_modified(|trusted| !std::mem::replace(trusted, true));
        Some(user)
    }

    /// Waits until the node at the other end, having been answered as a trusted one, is trusted no
    /// more.
    pub(crate) async fn distrusted(&self, node: &dyn Node) {
        let Some(id) = self.peer.certificate else { return std::future::pending().await };
        let _ = self.trusted.subscribe().wait_for(|trusted| *trusted).await;
        node.distrusted(&id).await;
    }

    fn remembered(
        &self,
        handler: Handler,
        shown: &Shown<'_>,
        generation: u64,
    ) -> Option<Arc<User>> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = verified.as_ref()?;
        let known = verified.handler == handler
            && verified.generation == generation
            && verified.until.is_none_or(|until| Instant::now() < until)
            && shown.is(&verified.shown);
        known.then(|| verified.user.clone())
    }
}

/// Whether only a certificate gives this role.
fn is_of_the_mesh(role: &str) -> bool {
    role.starts_with("group:") || (role.starts_with('_') && role != ADMIN_ROLE)
}
