//! The server that is measured: where it is, and how requests to it begin.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use base64::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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

/// The header of a name and a password with a colon between.
fn basic(credentials: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(credentials);
    format!("Authorization: Basic {pair}\r\n")
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
        let authorization = credentials.map_or_else(String::new, basic);
        Ok(Self { address, host, authorization })
    }

    /// The same, asked with this header instead, or with none.
    pub(crate) fn with_header(&self, header: &str) -> Self {
        Self { authorization: header.to_owned(), ..self.clone() }
    }

    /// The same, asked by somebody with a password.
    pub(crate) fn with_password(&self, name: &str, password: &str) -> Self {
        self.with_header(&basic(&format!("{name}:{password}")))
    }

    /// Whether it runs on this machine.
    pub(crate) fn is_here(&self) -> bool {
        self.address.ip().is_loopback()
    }

    /// A new connection to it from another address of this machine.
    pub(crate) async fn connect_from(&self, from: IpAddr) -> Outcome<Connection> {
        Connection::open_from(from, self.address).await
    }

    /// Begins a session; the cookie as it is sent back.
    pub(crate) async fn sign_in(&self, name: &str, password: &str) -> Outcome<String> {
        let body = format!(r#"{{"name":"{name}","password":"{password}"}}"#);
        let request = format!(
            "POST /_session HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        let line = answer.lines().find(|line| line.to_lowercase().starts_with("set-cookie:"));
        let cookie = line.and_then(|line| line.split_once(':')?.1.split(';').next());
        Ok(cookie.ok_or("the server begins no session")?.trim().to_owned())
    }

    /// One request on a connection of its own; the status.
    pub(crate) async fn request(&self, method: &str, path: &str, body: &[u8]) -> Outcome<u16> {
        let mut request = Vec::new();
        self.write(&mut request, method, path, body);
        Ok(self.connect().await?.exchange(&request).await?.status)
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
