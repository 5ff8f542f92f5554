//! What one connection remembers between its requests: whose credentials were found good last, so
//! that a client that keeps its connection pays for one verification. Verifying is the node's.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use hyper::header::HeaderValue;

use crate::failure::Failure;
use crate::node::{Node, NodeFacts};
use crate::shutdown::Shutdown;
use crate::user::{Credentials, User};

/// The memory of one connection.
pub struct ConnectionSession {
    /// Only the requests of this one connection (several at a time with HTTP/2) come here.
    verified: Mutex<Option<Verified>>,
    anonymous: Arc<User>,
    server: HeaderValue,
    shutdown: Shutdown,
}

struct Verified {
    authorization: Vec<u8>,
    generation: u64,
    user: Arc<User>,
}

impl ConnectionSession {
    /// For a new connection.
    pub fn new(facts: &NodeFacts, shutdown: Shutdown) -> Self {
        let server = format!("CouchDB/3.5.0 (refuge {})", facts.version);
        Self {
            verified: Mutex::new(None),
            anonymous: Arc::new(User::default()),
            server: HeaderValue::try_from(server)
                .unwrap_or(HeaderValue::from_static("CouchDB/3.5.0 (refuge)")),
            shutdown,
        }
    }

    /// The `Server` header.
    pub(crate) fn server(&self) -> &HeaderValue {
        &self.server
    }

    /// The sign that the node is about to stop.
    pub(crate) fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Who sends this `Authorization` header. None, and unknown schemes, are anonymous; wrong Basic
    /// credentials are `Failure::Unauthorized`.
    pub(crate) async fn user(
        &self,
        node: &dyn Node,
        authorization: Option<&[u8]>,
    ) -> Result<Arc<User>, Failure> {
        let Some(authorization) = authorization else { return Ok(self.anonymous.clone()) };
        let generation = node.credentials_generation();
        if let Some(user) = self.remembered(authorization, generation) {
            return Ok(user);
        }
        let Some(credentials) = basic_credentials(authorization)? else {
            return Ok(self.anonymous.clone());
        };
        let user = Arc::new(node.authenticate(&credentials).await?);
        let verified =
            Verified { authorization: authorization.to_vec(), generation, user: user.clone() };
        *self.verified.lock().unwrap_or_else(PoisonError::into_inner) = Some(verified);
        Ok(user)
    }

    fn remembered(&self, authorization: &[u8], generation: u64) -> Option<Arc<User>> {
        let verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = verified.as_ref()?;
        let known = verified.generation == generation
            && equal_in_constant_time(&verified.authorization, authorization);
        known.then(|| verified.user.clone())
    }
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
