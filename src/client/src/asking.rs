//! Small questions to another node over a connection of their own: JSON there, JSON back. For what is said
//! to nodes that need not trust this one; all else goes through the pool.

use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http2;
use hyper::header::{CONTENT_TYPE, DATE, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::connector::Duplex;
use crate::database::AGENT;
use crate::exchange::ERROR_BODY_BYTES;
use crate::failure::ErrorAnswer;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Authority or path cannot stand in a URL.
    #[error("`{0}` is not the address of a question")]
    Address(String),
    /// The connection broke, or the peer speaks no HTTP/2.
    #[error("the connection failed: {0}")]
    Connection(#[from] hyper::Error),
    /// The answer is none that it should be.
    #[error("the answer is larger than it may be, or no JSON")]
    Answer,
    /// There was an answer, but it is an error.
    #[error("{reason}")]
    Refused {
        /// Its status.
        status: u16,
        /// What it said, for people.
        reason: String,
    },
}

/// What to ask.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// Host of the URL, for instance a node id.
    pub authority: String,
    /// Path of the URL, from its first slash on.
    pub path: &'a str,
    /// The body of a POST; a GET without one.
    pub body: Option<&'a Value>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The body.
    pub body: Value,
    /// What time it was there, where it was told; whole seconds.
    pub date: Option<SystemTime>,
}

/// Sends a question and reads the answer's JSON; the connection is closed with it. Takes as long as the
/// peer likes: give it a deadline.
///
/// # Errors
/// [`AskError`].
pub async fn ask(io: Box<dyn Duplex>, question: Question<'_>) -> Result<Answered, AskError> {
    let mut conversation = Conversation::open(io, question.authority).await?;
    let method = if question.body.is_some() { Method::POST } else { Method::GET };
    conversation.send(method, question.path, question.body).await
}

/// Several questions to one node over one connection, one after another. Dropping it closes the connection.
pub struct Conversation {
    authority: String,
    sender: http2::SendRequest<Full<Bytes>>,
    connection: JoinHandle<()>,
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

impl Conversation {
    /// Begins to speak HTTP/2 over a connection; `authority` is the host of the URLs. Takes as long as the
    /// peer likes, as all that follows.
    ///
    /// # Errors
    /// [`AskError::Connection`].
    pub async fn open(io: Box<dyn Duplex>, authority: String) -> Result<Self, AskError> {
        let opening = http2::handshake(TokioExecutor::new(), TokioIo::new(io));
        let (sender, connection) = opening.await?;
        // What it fails with, the question under way hears.
        let connection = tokio::spawn(async { drop(connection.await) });
        Ok(Self { authority, sender, connection })
    }

    /// Reads what is there.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn get(&mut self, path: &str) -> Result<Answered, AskError> {
        self.send(Method::GET, path, None).await
    }

    /// Replaces what is there.
    ///
    /// # Errors
    /// [`AskError`].
    pub async fn put(&mut self, path: &str, body: &Value) -> Result<Answered, AskError> {
        self.send(Method::PUT, path, Some(body)).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answered, AskError> {
        let uri = format!("https://{}{path}", self.authority);
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(&uri)
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| AskError::Address(uri))?;
        let (head, body) = self.sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ERROR_BODY_BYTES).collect().await;
        let body = body.map_err(|_| AskError::Answer)?.to_bytes();
        if !head.status.is_success() {
            let answer = ErrorAnswer::new(head.status, &head.headers, &body);
            let status = head.status.as_u16();
            return Err(AskError::Refused { status, reason: answer.reason() });
        }
        let date = head.headers.get(DATE).and_then(|value| value.to_str().ok());
        let date = date.and_then(|text| httpdate::parse_http_date(text).ok());
        let body = serde_json::from_slice(&body).map_err(|_| AskError::Answer)?;
        Ok(Answered { body, date })
    }
}
