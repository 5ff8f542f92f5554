//! The body of a request: read in pieces as it arrives, or whole up to a limit. What the bytes mean
//! is not decided here.

mod packed;

use std::fmt::Display;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::CONTENT_ENCODING;
use refuge_packing::Coding;

use crate::failure::Failure;
use crate::limits;
use crate::replicated::ReplicatedError;
use crate::request_bytes::HeldBytes;
use crate::rules::Rules;

/// How long a body from another database may be silent: it watches its own link, and goes on by itself
/// where that was cut.
const STREAM_PATIENCE: Duration = Duration::from_secs(900);

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
    /// From another database. Behind a lock only because requests are shared between threads; it is
    /// never taken.
    Stream(Box<Mutex<UnsyncBoxBody<Bytes, ReplicatedError>>>),
    /// Already in memory.
    Whole(Bytes),
    /// Read to its end, with what came behind it.
    Ended(Option<Box<HeaderMap>>),
}

#[cfg(test)]
impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        let held = crate::request_bytes::RequestBytes::default().none();
        Self::from_source(Source::Whole(bytes), held, Arc::default())
    }
}

impl RequestBody {
    /// From the network; `held` counts what is taken of it into memory.
    pub(crate) fn of(incoming: Incoming, held: HeldBytes, rules: Arc<Rules>) -> Self {
        Self::from_source(Source::Incoming(incoming), held, rules)
    }

    /// From another database, as `of`.
    pub(crate) fn of_stream(
        stream: UnsyncBoxBody<Bytes, ReplicatedError>,
        held: HeldBytes,
        rules: Arc<Rules>,
    ) -> Self {
        Self::from_source(Source::Stream(Box::new(Mutex::new(stream))), held, rules)
    }

    fn from_source(source: Source, held: HeldBytes, rules: Arc<Rules>) -> Self {
        Self { source, received: 0, held, rules }
    }

    /// Puts another body, or the same, in the place of one that was read.
    pub(crate) fn put_back(&mut self, body: Bytes) {
        self.source = Source::Whole(body);
    }

    /// Takes the body away from its request, to be read without limits of size and time; `None`
    /// where it was read before.
    pub(crate) fn take_stream(&mut self) -> Option<Incoming> {
        match std::mem::replace(&mut self.source, Source::Ended(None)) {
            Source::Incoming(incoming) => Some(incoming),
            _ => None,
        }
    }

    /// Counts bytes that were taken from [`Self::next`] to be kept; 503 when the node has too many.
    pub(crate) async fn hold(&mut self, bytes: usize) -> Result<(), Failure> {
        self.held.hold(bytes).await
    }

    /// The next bytes as they arrived, still encoded; `None` at the end. 413 beyond the limit of any
    /// request, 400 when the client breaks off, 408 when it is silent for long.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match std::mem::replace(&mut self.source, Source::Ended(None)) {
            Source::Ended(trailers) => {
                self.source = Source::Ended(trailers);
                Ok(None)
            }
            Source::Whole(bytes) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Source::Incoming(mut incoming) => {
                let patience = self.rules.limits.body_timeout;
                let mut trailers = None;
                let data = next_data(&mut incoming, patience, &mut trailers).await?;
                self.source = match &data {
                    Some(data) => {
                        self.count(data)?;
                        Source::Incoming(incoming)
                    }
                    None => Source::Ended(trailers),
                };
                Ok(data)
            }
            Source::Stream(mut stream) => {
                let unlocked = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
                let data = next_data(unlocked, STREAM_PATIENCE, &mut None).await;
                // Another end broke off, not a client: it may be otherwise soon.
                let data = data.map_err(|failure| Failure::Unavailable(failure.to_string()))?;
                if data.is_some() {
                    self.source = Source::Stream(stream);
                }
                Ok(data)
            }
        }
    }

    fn count(&mut self, data: &Bytes) -> Result<(), Failure> {
        self.received = self.received.saturating_add(data.len() as u64);
        let limit = self.rules.limits.max_http_request_size;
        if self.received > limit { Err(too_large(limit)) } else { Ok(()) }
    }

    /// What came behind the body, once it was read to its end.
    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        match &self.source {
            Source::Ended(trailers) => trailers.as_deref(),
            _ => None,
        }
    }

    /// Bytes that are still to come, where that is known.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match &self.source {
            Source::Ended(_) => Some(0),
            Source::Whole(bytes) => Some(bytes.len() as u64),
            Source::Incoming(incoming) => incoming.size_hint().exact(),
            Source::Stream(_) => None,
        }
    }

    /// Whether nothing is left to read.
    pub(crate) fn is_finished(&self) -> bool {
        match &self.source {
            Source::Ended(_) => true,
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Incoming(incoming) => incoming.is_end_stream(),
            Source::Stream(_) => false,
        }
    }

    /// The whole body, unpacked where `Content-Encoding` says that it is zstd, gzip or deflate. 413 when
    /// it, packed or not, has more than `limit` bytes; 415 for another encoding; 503 when the node holds
    /// too many bytes.
    pub(crate) async fn collect(
        &mut self,
        headers: &HeaderMap,
        limit: usize,
    ) -> Result<Bytes, Failure> {
        let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
        let encoding = encoding.map(String::from_utf8_lossy).unwrap_or_default();
        if matches!(&*encoding, "" | "identity") {
            return self.collect_as_sent(limit).await;
        }
        let Some(coding) = Coding::named(&encoding) else {
            let reason = format!("{encoding} is not a supported content encoding.");
            return Err(Failure::BadContentType(reason));
        };
        let packed = self.collect_as_sent(limit).await?;
        let decoder = refuge_packing::reader(coding, packed);
        let decoder = decoder.map_err(|error| Failure::Internal(error.to_string()))?;
        packed::unpack(decoder, limit, &mut self.held).await
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

async fn next_data<B>(
    body: &mut B,
    patience: Duration,
    trailers: &mut Option<Box<HeaderMap>>,
) -> Result<Option<Bytes>, Failure>
where
    B: Body<Data = Bytes, Error: Display> + Unpin,
{
    while let Some(frame) = next_frame(body, patience).await? {
        let frame = frame.map_err(|error| {
            Failure::BadRequest(format!("the request's body broke off: {error}"))
        })?;
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => return Ok(Some(data)),
            Err(frame) => *trailers = frame.into_trailers().ok().map(Box::new),
        }
    }
    Ok(None)
}

async fn next_frame<B: Body + Unpin>(
    body: &mut B,
    patience: Duration,
) -> Result<Option<Result<Frame<B::Data>, B::Error>>, Failure> {
    tokio::time::timeout(patience, body.frame()).await.map_err(|_| {
        let seconds = patience.as_secs();
        Failure::BodyTimeout(format!("nothing of the request's body came for {seconds} s"))
    })
}

fn too_large(limit: u64) -> Failure {
    Failure::TooLarge {
        error: "too_large",
        reason: format!("the request entity is too large, at most {limit} bytes are taken here"),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_answered_408_and_one_that_breaks_off_400() {
        let patience = Duration::from_secs(60);
        let silent = futures_util::stream::pending::<Result<Frame<Bytes>, String>>();
        let silent = next_data(&mut StreamBody::new(silent), patience, &mut None).await;
        assert_eq!(silent.unwrap_err().status().0.as_u16(), 408);
        let broken = futures_util::stream::iter([Err::<Frame<Bytes>, _>("reset")]);
        let broken = next_data(&mut StreamBody::new(broken), patience, &mut None).await;
        assert_eq!(broken.unwrap_err().status().0.as_u16(), 400);
    }
}
