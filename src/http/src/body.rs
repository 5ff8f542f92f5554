//! The body of a request: read in pieces as it arrives, or whole up to a limit. What the bytes mean
//! is not decided here.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::HeaderMap;
use hyper::body::{Body, Frame, Incoming};
use hyper::header::CONTENT_ENCODING;

use crate::failure::Failure;
use crate::limits;

/// Compressed bytes up to which a body is unpacked at once instead of on a thread for slow work.
const UNPACKED_INLINE_BYTES: usize = 64 * 1024;

/// The unread rest of a request's body.
pub(crate) struct RequestBody {
    source: Source,
    received: u64,
}

enum Source {
    /// From the network.
    Incoming(Incoming),
    /// Already in memory.
    Whole(Bytes),
    /// Read to its end.
    Ended,
}

impl From<Incoming> for RequestBody {
    fn from(incoming: Incoming) -> Self {
        Self { source: Source::Incoming(incoming), received: 0 }
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self { source: Source::Whole(bytes), received: 0 }
    }
}

impl RequestBody {
    /// The next bytes as they arrived, still encoded; `None` at the end. 413 beyond the limit of any
    /// request, 400 when the client breaks off.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        match std::mem::replace(&mut self.source, Source::Ended) {
            Source::Ended => Ok(None),
            Source::Whole(bytes) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Source::Incoming(mut incoming) => {
                let data = next_data(&mut incoming).await?;
                if let Some(data) = &data {
                    self.received = self.received.saturating_add(data.len() as u64);
                    if self.received > limits::REQUEST_BYTES {
                        return Err(too_large(limits::REQUEST_BYTES));
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
            Source::Whole(bytes) => Some(bytes.len() as u64),
            Source::Incoming(incoming) => incoming.size_hint().exact(),
        }
    }

    /// Whether nothing is left to read.
    pub(crate) fn is_finished(&self) -> bool {
        match &self.source {
            Source::Ended => true,
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Incoming(incoming) => incoming.is_end_stream(),
        }
    }

    /// The whole body, gunzipped where `Content-Encoding` says so. 413 when it, packed or not, has
    /// more than `limit` bytes; 415 for another encoding.
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
                gunzip_aside(packed, limit).await
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
        if self.is_finished() && first.len() <= limit {
            return Ok(first);
        }
        let expected = self.remaining().map_or(0, |length| length.min(limit as u64));
        let expected = usize::try_from(expected).unwrap_or(0);
        let mut whole = BytesMut::with_capacity(first.len().saturating_add(expected));
        whole.extend_from_slice(&first);
        while let Some(bytes) = self.next().await? {
            whole.extend_from_slice(&bytes);
            if whole.len() > limit {
                return Err(too_large(limit as u64));
            }
        }
        if whole.len() > limit {
            return Err(too_large(limit as u64));
        }
        Ok(whole.freeze())
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

async fn next_data(incoming: &mut Incoming) -> Result<Option<Bytes>, Failure> {
    while let Some(frame) = next_frame(incoming).await? {
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
) -> Result<Option<Result<Frame<Bytes>, hyper::Error>>, Failure> {
    tokio::time::timeout(limits::BODY_TIMEOUT, incoming.frame()).await.map_err(|_| {
        let seconds = limits::BODY_TIMEOUT.as_secs();
        Failure::BadRequest(format!("nothing of the request's body came for {seconds} s"))
    })
}

fn too_large(limit: u64) -> Failure {
    Failure::TooLarge {
        error: "too_large",
        reason: format!("the request entity is too large, at most {limit} bytes are taken here"),
    }
}

async fn gunzip_aside(packed: Bytes, limit: usize) -> Result<Bytes, Failure> {
    if packed.len() <= UNPACKED_INLINE_BYTES {
        return gunzip(&packed, limit);
    }
    tokio::task::spawn_blocking(move || gunzip(&packed, limit))
        .await
        .map_err(|error| Failure::Internal(format!("unpacking the body failed: {error}")))?
}

/// Unpacks gzip; 400 when it is none, 413 when it unpacks to more than `limit` bytes.
fn gunzip(packed: &[u8], limit: usize) -> Result<Bytes, Failure> {
    let mut plain = Vec::with_capacity(packed.len().saturating_mul(3).min(limit));
    let beyond = (limit as u64).saturating_add(1);
    flate2::read::MultiGzDecoder::new(packed)
        .take(beyond)
        .read_to_end(&mut plain)
        .map_err(|_| Failure::BadRequest("the request's body is not gzip".to_owned()))?;
    if plain.len() > limit {
        return Err(too_large(limit as u64));
    }
    Ok(plain.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzipped(plain: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).expect("memory");
        encoder.finish().expect("memory").into()
    }

    #[tokio::test]
    async fn a_gzipped_body_is_unpacked_up_to_the_limit() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "gzip".parse().expect("a value"));
        let plain = vec![b'a'; 1000];
        let mut body = RequestBody::from(gzipped(&plain));
        assert_eq!(body.collect(&headers, 1000).await, Ok(Bytes::from(plain.clone())));
        let mut body = RequestBody::from(gzipped(&plain));
        let failure = body.collect(&headers, 999).await.expect_err("too large");
        assert_eq!(failure.status().0.as_u16(), 413);
        let mut body = RequestBody::from(Bytes::from_static(b"{}"));
        let failure = body.collect(&headers, 999).await.expect_err("not gzip");
        assert_eq!(failure.status().0.as_u16(), 400);
        headers.insert(CONTENT_ENCODING, "br".parse().expect("a value"));
        let mut body = RequestBody::from(Bytes::from_static(b"{}"));
        let failure = body.collect(&headers, 999).await.expect_err("unknown encoding");
        assert_eq!(failure.status().0.as_u16(), 415);
    }
}
