//! A small HTTP/1.1 client: keeps connections alive, sends what it is given byte for byte, and leaves
//! every judgement to the test.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{Lines, PATIENCE, Reply};

/// The connection ended (or could not be made) before the answer was whole: nothing is known of what
/// the node did with the request.
#[derive(Debug)]
pub struct Broken(pub String);

type Connection = SendRequest<Full<Bytes>>;

/// Speaks to one node, as one user, from within one tokio runtime.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    authorization: Option<String>,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Client {
    /// A client that tells no name.
    pub fn anonymous(address: SocketAddr) -> Self {
        Self { address, authorization: None, idle: Arc::default() }
    }

    /// A client with Basic credentials.
    pub fn with_credentials(address: SocketAddr, name: &str, password: &str) -> Self {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"));
        Self { authorization: Some(format!("Basic {pair}")), ..Self::anonymous(address) }
    }

    /// Where it asks.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins a request; `path` goes out as it is.
    pub fn request(&self, method: &str, path: &str) -> Request<'_> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        Request {
            client: self,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.request("GET", path).send().await
    }

    /// HEAD.
    pub async fn head(&self, path: &str) -> Reply {
        self.request("HEAD", path).send().await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        self.request("DELETE", path).send().await
    }

    /// PUT of a JSON value.
    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.request("PUT", path).json(body.to_string()).send().await
    }

    /// POST of a JSON value.
    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.request("POST", path).json(body.to_string()).send().await
    }

    /// PUT of JSON text as it is written, right or wrong.
    pub async fn put_text(&self, path: &str, text: impl Into<Bytes>) -> Reply {
        self.request("PUT", path).json(text).send().await
    }

    /// POST of JSON text as it is written, right or wrong.
    pub async fn post_text(&self, path: &str, text: impl Into<Bytes>) -> Reply {
        self.request("POST", path).json(text).send().await
    }

    /// PUT without a body.
    pub async fn put_nothing(&self, path: &str) -> Reply {
        self.request("PUT", path).send().await
    }

    async fn connect(&self) -> Result<Connection, Broken> {
        let broken = |error: &dyn std::fmt::Display| Broken(format!("connecting: {error}"));
        let stream = TcpStream::connect(self.address).await.map_err(|error| broken(&error))?;
        stream.set_nodelay(true).map_err(|error| broken(&error))?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn exchange(
        &self,
        mut request: hyper::Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Connection), Broken> {
        loop {
            let kept = self.idle.lock().unwrap().pop();
            let fresh = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            match connection.try_send_request(request).await {
                Ok(response) => return Ok((response, connection)),
                // The node had closed an idle connection: the request was never sent.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !fresh => request = unsent,
                    _ => return Err(Broken(format!("sending: {}", error.into_error()))),
                },
            }
        }
    }
}

/// A request under construction.
pub struct Request<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Request<'_> {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body, without saying of what type it is.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a body of JSON text.
    pub fn json(self, text: impl Into<Bytes>) -> Self {
        self.header(CONTENT_TYPE.as_str(), "application/json").body(text)
    }

    fn build(&self) -> hyper::Request<Full<Bytes>> {
        let mut builder = hyper::Request::builder()
            .method(self.method.clone())
            .uri(&self.path)
            .header(HOST, self.client.address.to_string());
        if let Some(authorization) = &self.client.authorization {
            builder = builder.header(AUTHORIZATION, authorization);
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        builder.body(Full::new(self.body.clone())).expect("a request that hyper takes")
    }

    /// Sends it and reads the whole answer; a connection that ends early is told, not a failure.
    pub async fn try_send(self) -> Result<Reply, Broken> {
        let asked = format!("{} {}", self.method, self.path);
        let whole = async {
            let (response, connection) = self.client.exchange(self.build()).await?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| Broken(format!("reading: {error}")))?;
            // Nobody holds this lock across an await.
            self.client.idle.lock().unwrap().push(connection);
            let status = parts.status.as_u16();
            Ok(Reply {
                asked: asked.clone(),
                status,
                headers: parts.headers,
                body: body.to_bytes(),
            })
        };
        match tokio::time::timeout(PATIENCE, whole).await {
            Ok(result) => result,
            Err(_) => panic!("{asked}: no answer within {PATIENCE:?}"),
        }
    }

    /// Sends it and reads the whole answer.
    pub async fn send(self) -> Reply {
        let asked = format!("{} {}", self.method, self.path);
        self.try_send().await.unwrap_or_else(|broken| panic!("{asked}: {}", broken.0))
    }

    /// Sends it and hands out the answer line by line while it comes.
    pub async fn lines(self) -> Result<Lines, Broken> {
        let asked = format!("{} {}", self.method, self.path);
        let sending = self.client.exchange(self.build());
        let (response, connection) = tokio::time::timeout(PATIENCE, sending)
            .await
            .unwrap_or_else(|_| panic!("{asked}: no head of an answer within {PATIENCE:?}"))?;
        Ok(Lines::new(asked, response, connection))
    }
}
