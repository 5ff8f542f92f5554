//! An answer that keeps coming: the feeds.

use std::collections::VecDeque;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper::{HeaderMap, Response, body::Incoming};
use serde_json::Value;

use crate::{Broken, PATIENCE};

/// An answer that is read line by line. Dropping it closes its connection.
pub struct Lines {
    asked: String,
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    body: Incoming,
    ready: VecDeque<String>,
    partial: Vec<u8>,
    // A connection lives as long as its sender: kept, never used again.
    _connection: SendRequest<Full<Bytes>>,
}

impl Lines {
    pub(crate) fn new(
        asked: String,
        response: Response<Incoming>,
        connection: SendRequest<Full<Bytes>>,
    ) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            asked,
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            ready: VecDeque::new(),
            partial: Vec::new(),
            _connection: connection,
        }
    }

    /// The next line without its newline; `None` at the end of the answer; what came before a
    /// connection broke is handed out first.
    pub async fn next(&mut self) -> Result<Option<String>, Broken> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame())
                .await
                .unwrap_or_else(|_| panic!("{}: no further line within {PATIENCE:?}", self.asked));
            match frame {
                Some(Ok(frame)) => self.take(frame.data_ref().map_or(&[], |bytes| bytes.as_ref())),
                Some(Err(error)) => return Err(Broken(error.to_string())),
                None if self.partial.is_empty() => return Ok(None),
                None => return Ok(Some(text(std::mem::take(&mut self.partial)))),
            }
        }
    }

    /// The next line that is not empty, as JSON; heartbeats are passed over.
    pub async fn next_row(&mut self) -> Result<Option<Value>, Broken> {
        while let Some(line) = self.next().await? {
            if !line.is_empty() {
                let row = serde_json::from_str(&line);
                return Ok(Some(
                    row.unwrap_or_else(|error| panic!("{line:?} is no JSON: {error}")),
                ));
            }
        }
        Ok(None)
    }

    /// The next row, which must come.
    pub async fn row(&mut self) -> Value {
        match self.next_row().await {
            Ok(Some(row)) => row,
            Ok(None) => panic!("{}: the feed ended", self.asked),
            Err(broken) => panic!("{}: {}", self.asked, broken.0),
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' {
                self.ready.push_back(text(std::mem::take(&mut self.partial)));
            } else {
                self.partial.push(byte);
            }
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("an answer in UTF-8")
}
