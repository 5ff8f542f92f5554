//! What one connection remembers between its requests: whose credentials were found good last, so
//! that a client that keeps its connection pays for one verification, and which node is at its other
//! end. Verifying, and whom to trust, is the node's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};
use tokio::sync::watch;

use crate::connection::Peer;
use crate::failure::Failure;
use crate::node::Node;
use crate::request_bytes::RequestBytes;
use crate::request_metrics::RequestMetrics;
use crate::shutdown::Shutdown;
use crate::user::{ADMIN_ROLE, Credentials, User};

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

struct Verified {
    authorization: Vec<u8>,
    generation: u64,
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
    pub(crate) fn peer(&self) -> Peer {
        self.peer
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

    /// Who sends a request with this `Authorization` header. With one, it decides alone: unknown
    /// schemes are anonymous, wrong Basic credentials are `Failure::Unauthorized`. Without one it is
    /// the node at the other end, if that is trusted now, or else anonymous.
    pub(crate) async fn user(
        &self,
        node: &dyn Node,
        authorization: Option<&[u8]>,
    ) -> Result<Arc<User>, Failure> {
        let Some(authorization) = authorization else {
            return Ok(self.peer_user(node).unwrap_or_else(|| self.anonymous.clone()));
        };
        let generation = node.credentials_generation();
        if let Some(user) = self.remembered(authorization, generation) {
            return Ok(user);
        }
        let Some(credentials) = basic_credentials(authorization)? else {
            return Ok(self.anonymous.clone());
        };
        let mut user = node.authenticate(&credentials).await?;
        if user.name.as_ref().is_some_and(|name| name.starts_with(NODE_PREFIX)) {
            return Err(Failure::Unauthorized("Name or password is incorrect.".to_owned()));
        }
        user.roles.retain(|role| !is_of_the_mesh(role));
        let user = Arc::new(user);
        let verified =
            Verified { authorization: authorization.to_vec(), generation, user: user.clone() };
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(verified);
        Ok(user)
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

    fn remembered(&self, authorization: &[u8], generation: u64) -> Option<Arc<User>> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = verified.as_ref()?;
        let known = verified.generation == generation
            && equal_in_constant_time(&verified.authorization, authorization);
        known.then(|| verified.user.clone())
    }
}

/// Whether only a certificate gives this role.
fn is_of_the_mesh(role: &str) -> bool {
    role.starts_with("group:") || (role.starts_with('_') && role != ADMIN_ROLE)
}

/// Name and password of a Basic `Authorization` header; `None` for another scheme, 400 for broken
/// base64.
fn basic_credentials(authorization: &[u8]) -> Result<Option<Credentials>, Failure> {
    let Some((scheme, encoded)) = authorization.split_at_checked(6) else { return Ok(None) };
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return Ok(None);
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded.trim_ascii());
    let decoded = decoded.map_err(|_| {
        Failure::BadRequest("Authorization header has invalid base64 value".to_owned())
    })?;
    let text = String::from_utf8_lossy(&decoded);
    // `_:_` is how a browser is made to forget what it sent.
    Ok(text.split_once(':').filter(|pair| *pair != ("_", "_")).map(|(name, password)| {
        Credentials { name: name.to_owned(), password: password.to_owned() }
    }))
}

/// Compares without telling by its duration where the difference lies.
fn equal_in_constant_time(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && std::hint::black_box(
            left.iter().zip(right).fold(0, |difference, (left, right)| difference | (left ^ right)),
        ) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_read_and_other_schemes_ignored() {
        let read = |text: &str| basic_credentials(text.as_bytes());
        let credentials = read("Basic YWRhOnBhc3M6d29yZA==").expect("good").expect("some");
        assert_eq!(credentials.name, "ada");
        assert_eq!(credentials.password, "pass:word");
        assert!(read("basic YWRhOng=").expect("good").is_some());
        assert!(read("Bearer abc").expect("good").is_none());
        assert!(read("Basic Xzpf").expect("good").is_none());
        assert!(read("Basic !!").is_err());
    }

    #[test]
    fn comparison_sees_lengths_and_bytes() {
        assert!(equal_in_constant_time(b"abc", b"abc"));
        assert!(!equal_in_constant_time(b"abc", b"abd"));
        assert!(!equal_in_constant_time(b"abc", b"abcd"));
    }
}
