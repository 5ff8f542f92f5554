//! The server that is measured: where it is, and how requests to it begin.

use std::net::{SocketAddr, ToSocketAddrs};

use base64::Engine;

use crate::Outcome;
use crate::connection::Connection;
use crate::process::listening_on;

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    host: String,
    authorization: String,
}

impl Target {
    /// Reads `http://[name:password@]host:port[/]`.
    pub(crate) fn parse(url: &str) -> Outcome<Self> {
        let rest = url.strip_prefix("http://").ok_or("the URL begins with http://")?;
        let rest = rest.trim_end_matches('/');
        let (credentials, host) = match rest.rsplit_once('@') {
            Some((credentials, host)) => (Some(credentials), host),
            None => (None, rest),
        };
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:5984") };
        let address = host.to_socket_addrs()?.next().ok_or("the URL's host has no address")?;
        let authorization = credentials.map_or_else(String::new, authorization);
        Ok(Self { address, host, authorization })
    }

    /// The same, spoken to as somebody else.
    pub(crate) fn as_user(&self, name: &str, password: &str) -> Self {
        Self { authorization: authorization(&format!("{name}:{password}")), ..self.clone() }
    }

    /// Its process, when it runs on this machine and can be seen.
    pub(crate) fn process(&self) -> Option<u32> {
        self.address.ip().is_loopback().then(|| listening_on(self.address.port()))?
    }

    /// A new connection to it.
    pub(crate) async fn connect(&self) -> Outcome<Connection> {
        Connection::open(self.address).await
    }

    /// Writes a whole request with JSON into `request`, replacing what was in it.
    pub(crate) fn write(&self, request: &mut Vec<u8>, method: &str, path: &str, body: &[u8]) {
        self.write_typed(request, (method, path), "application/json", body);
    }

    /// Writes a whole request with a body of the media type `kind`.
    pub(crate) fn write_typed(
        &self,
        request: &mut Vec<u8>,
        (method, path): (&str, &str),
        kind: &str,
        body: &[u8],
    ) {
        request.clear();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\n{}Accept: application/json\r\n",
            self.host, self.authorization
        );
        request.extend_from_slice(head.as_bytes());
        if !body.is_empty() || matches!(method, "PUT" | "POST") {
            let length = format!("Content-Type: {kind}\r\nContent-Length: {}\r\n", body.len());
            request.extend_from_slice(length.as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body);
    }

    /// A database of it as a replication's end that is asked over HTTP, in JSON.
    pub(crate) fn end_of_replication(&self, path: &str) -> String {
        let credentials = self.authorization.trim_end().strip_prefix("Authorization: ");
        let headers = credentials.map_or_else(String::new, |credentials| {
            format!(r#","headers":{{"Authorization":"{credentials}"}}"#)
        });
        format!(r#"{{"url":"http://{}{path}"{headers}}}"#, self.host)
    }

    /// One request on a connection of its own; an answer of another status than `expected` is an
    /// error.
    pub(crate) async fn ask(&self, method: &str, path: &str, expected: u16) -> Outcome<()> {
        self.tell(method, path, b"", expected).await.map(|_| ())
    }

    /// The same with JSON; the answer's text.
    pub(crate) async fn tell(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        expected: u16,
    ) -> Outcome<String> {
        let mut request = Vec::new();
        self.write(&mut request, method, path, body);
        let (answer, text) = self.connect().await?.exchange_text(&request).await?;
        answer.expect(expected)?;
        Ok(text)
    }
}

/// The header that shows a name and a password, with a colon between them.
fn authorization(credentials: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(credentials);
    format!("Authorization: Basic {pair}\r\n")
}
