//! One request over a connection of its own, read line by line while the answer comes.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Outcome;

/// Nothing that is measured here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// `admin:secret`.
const CREDENTIALS: &str = "Basic YWRtaW46c2VjcmV0";

/// An answer that comes line by line, heads and sizes of chunks among them.
pub(super) struct Feed {
    lines: BufReader<TcpStream>,
}

impl Feed {
    /// Asks; an answer of another status than `expected` is an error.
    pub(super) fn open(
        address: SocketAddr,
        (method, path): (&str, &str),
        body: &str,
        expected: u16,
    ) -> Outcome<Self> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {CREDENTIALS}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut feed = Self { lines: BufReader::new(stream) };
        let status = feed.line()?;
        if status.split(' ').nth(1) != Some(&*expected.to_string()) {
            return Err(format!("{method} {path}: {}", status.trim_end()).into());
        }
        Ok(feed)
    }

    /// Reads on to a line that holds `text`; when it came.
    pub(super) fn wait_for(&mut self, text: &str) -> Outcome<Instant> {
        loop {
            if self.line()?.contains(text) {
                return Ok(Instant::now());
            }
        }
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line)? {
            0 => Err("the node ended its answer".into()),
            _ => Ok(line),
        }
    }
}
