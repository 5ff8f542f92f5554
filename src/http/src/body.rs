//! The body of a request: read in pieces as it arrives, or whole up to a limit. What the bytes mean
//! is not decided here.

mod gzip;

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::CONTENT_ENCODING;

use crate::failure::Failure;
use crate::limits;
use crate::request_bytes::HeldBytes;
use crate::rules::Rules;

/// The unread rest of a request's body. What was taken of it into memory is held as long as this is.
pub(crate) struct RequestBody {
    source: Source,
    received: u64,
    held: HeldBytes,
    rules: Arc<Rules>,
}

enum Source {
    /// From the network.
    Incoming(Incoming),
    /// Already in memory.
    #[cfg(test)]
    Whole(Bytes),
    /// Read to its end.
    Ended,
}

#[cfg(test)]
impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        let held = crate::request_bytes::RequestBytes::default().none();
        Self { source: Source::Whole(bytes), received: 0, held, rules: Arc::default() }
    }
}

impl RequestBody {
    /// From the network; `held` counts what is taken of it into memory.
    pub(crate) fn of(incoming: Incoming, held: HeldBytes, rules: Arc<Rules>) -> Self {
        Self { source: Source::Incoming(incoming), received: 0, held, rules }
    }

    /// Takes the body away from its request, to be read without limits of size and time; `None`
    /// where it was read before.
    pub(crate) fn take_stream(&mut self) -> Option<Incoming> {
        match std::mem::replace(&mut self.source, Source::Ended) {
            Source::Incoming(incoming) => Some(incoming),
            _ => None,
        }
    }

    /// Counts bytes that were taken from [`Self::next`] to be kept; 503 when the node has too many.
    pub(crate) async fn hold(&mut self, bytes: usize) -> Result<(), Failure> {
        self.held.hold(bytes).await
    }

    /// The next bytes as they arrived, still encoded; `None` at the end. 413 beyond the limit of any
    /// request, 400 when the client breaks off.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match std::mem::replace(&mut self.source, Source::Ended) {
            Source::Ended => Ok(None),
            #[cfg(test)]
            Source::Whole(bytes) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Source::Incoming(mut incoming) => {
                let data = next_data(&mut incoming, self.rules.limits.body_timeout).await?;
                if let Some(data) = &data {
                    self.received = self.received.saturating_add(data.len() as u64);
                    let limit = self.rules.limits.max_http_request_size;
                    if self.received > limit {
                        return Err(too_large(limit));
                    }
                    self.source = Source::Incoming(incoming);
                }
                Ok(data)
            }
        }
    }

    /// Bytes that are still to come, where that is known.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match &self.source {
            Source::Ended => Some(0),
            #[cfg(test)]
            Source::Whole(bytes) => Some(bytes.len() as u64),
            Source::Incoming(incoming) => incoming.size_hint().exact(),
        }
    }

    /// Whether nothing is left to read.
    pub(crate) fn is_finished(&self) -> bool {
        match &self.source {
            Source::Ended => true,
            #[cfg(test)]
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Incoming(incoming) => incoming.is_end_stream(),
        }
    }

    /// The whole body, gunzipped where `Content-Encoding` says so. 413 when it, packed or not, has
    /// more than `limit` bytes; 415 for another encoding; 503 when the node holds too many bytes.
    pub(crate) async fn collect(
        &mut self,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<Bytes, Failure> {
        let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
        match encoding {
            None | Some(b"identity" | b"") => self.collect_as_sent(limit).await,
            Some(b"gzip" | b"x-gzip") => {
                let packed = self.collect_as_sent(limit).await?;
                gzip::unpack(packed, limit, &mut self.held).await
            }
            Some(other) => Err(Failure::BadContentType(format!(
                "{} is not a supported content encoding.",
                String::from_utf8_lossy(other)
            ))),
        }
    }

    /// The whole body as it was sent.
    async fn collect_as_sent(&mut self, limit: usize) -> Result<Bytes, Failure> {
        if self.remaining().is_some_and(|length| length > limit as u64) {
            return Err(too_large(limit as u64));
        }
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        self.hold(first.len()).await?;
        if self.is_finished() && first.len() <= limit {
            return Ok(first);
        }
        let expected = self.remaining().map_or(0, |length| length.min(limit as u64));
        let expected = usize::try_from(expected).unwrap_or(0);
        let mut whole = BytesMut::with_capacity(first.len().saturating_add(expected));
        whole.extend_from_slice(&first);
        while whole.len() <= limit {
            let Some(bytes) = self.next().await? else { return Ok(whole.freeze()) };
            self.hold(bytes.len()).await?;
            whole.extend_from_slice(&bytes);
        }
        Err(too_large(limit as u64))
    }

    /// Reads and forgets what is left, as far as it is little, so that the client is free to hear
    /// the answer. Says whether the end was reached.
    pub(crate) async fn drain(&mut self) -> bool {
        if self.remaining().is_some_and(|length| length > limits::DRAINED_BYTES as u64) {
            return false;
        }
        let mut drained = 0;
        while let Ok(Some(bytes)) = self.next().await {
            drained += bytes.len();
            if drained > limits::DRAINED_BYTES {
                return false;
            }
        }
        true
    }
}

async fn next_data(incoming: &mut Incoming, patience: Duration) -> Result<Option<Bytes>, Failure> {
    while let Some(frame) = next_frame(incoming, patience).await? {
        let frame = frame.map_err(|error| {
            Failure::BadRequest(format!("the request's body broke off: {error}"))
        })?;
        // Trailers are of no use to any endpoint.
        if let Ok(data) = frame.into_data()
            && !data.is_empty()
        {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

async fn next_frame(
    incoming: &mut Incoming,
    patience: Duration,
) -> Result<Option<Result<Frame<Bytes>, hyper::Error>>, Failure> {
    tokio::time::timeout(patience, incoming.frame()).await.map_err(|_| {
        let seconds = patience.as_secs();
        Failure::BadRequest(format!("nothing of the request's body came for {seconds} s"))
    })
}

fn too_large(limit: u64) -> Failure {
    Failure::TooLarge {
        error: "too_large",
        reason: format!("the request entity is too large, at most {limit} bytes are taken here"),
    }
}
