//! A limit of bytes a second, each direction by itself, shared by all requests of whoever holds it.
//! Bodies are what is counted; heads are small.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::carriage::{StreamBody, StreamError};

/// What may go out at once after a rest: a tenth of a second's bytes.
const BURST: Duration = Duration::from_millis(100);
/// Most bytes that are paid for at once.
const LARGEST_PIECE_BYTES: usize = 64 << 10;

/// The limit of both directions.
#[derive(Debug)]
pub struct Bandwidth {
    bytes_per_second: u64,
    sent: Mutex<Option<Instant>>,
    received: Mutex<Option<Instant>>,
}

/// One of the two directions of a [`Bandwidth`].
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    bandwidth: Arc<Bandwidth>,
    outward: bool,
}

impl Bandwidth {
    /// At most so many bytes a second in each direction; at least one.
    pub fn new(bytes_per_second: u64) -> Arc<Self> {
        Arc::new(Self {
            bytes_per_second: bytes_per_second.max(1),
            sent: Mutex::new(None),
            received: Mutex::new(None),
        })
    }

    pub(crate) fn outward(self: &Arc<Self>) -> Pace {
        Pace { bandwidth: Arc::clone(self), outward: true }
    }

    pub(crate) fn inward(self: &Arc<Self>) -> Pace {
        Pace { bandwidth: Arc::clone(self), outward: false }
    }
}

impl Pace {
    /// Pays for so many bytes: when they have been paid for.
    pub(crate) fn pay(&self, bytes: usize) -> Instant {
        let Bandwidth { bytes_per_second, sent, received } = &*self.bandwidth;
        let paid = if self.outward { sent } else { received };
        let mut paid = paid.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // Who rested does not catch up on all of it.
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let from = paid.map_or(earliest, |paid| paid.max(earliest));
        let until = from + Duration::from_secs_f64(bytes as f64 / *bytes_per_second as f64);
        *paid = Some(until);
        until
    }

    /// How many bytes are paid for at once: about an eighth of a second's.
    fn piece_bytes(&self) -> usize {
        let eighth = usize::try_from(self.bandwidth.bytes_per_second / 8).unwrap_or(usize::MAX);
        eighth.clamp(1, LARGEST_PIECE_BYTES)
    }
}

/// A body that keeps to a limit.
pub(crate) struct Limited {
    body: StreamBody,
    pace: Pace,
    rest: Bytes,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Limited {
    pub(crate) fn new(body: StreamBody, pace: Pace) -> Self {
        Self { body, pace, rest: Bytes::new(), waiting: None }
    }
}

impl Body for Limited {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let this = &mut *self;
        loop {
            if let Some(waiting) = &mut this.waiting {
                ready!(waiting.as_mut().poll(context));
                this.waiting = None;
            }
            if !this.rest.is_empty() {
                let bytes = this.rest.len().min(this.pace.piece_bytes());
                let piece = this.rest.split_to(bytes);
                let until = this.pace.pay(bytes);
                this.waiting = Some(Box::pin(tokio::time::sleep_until(until)));
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return Poll::Ready(other),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.body.size_hint().exact() {
            Some(bytes) => SizeHint::with_exact(bytes + self.rest.len() as u64),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    fn body(bytes: usize, pace: Pace) -> Limited {
        let full = Full::new(Bytes::from(vec![7; bytes]));
        Limited::new(full.map_err(|never| match never {}).boxed_unsync(), pace)
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_go_out_together_keep_to_the_limit() {
        let bandwidth = Bandwidth::new(10_000);
        let begun = Instant::now();
        let both = [0, 1].map(|_| body(50_000, bandwidth.outward()).collect());
        let other =
            tokio::time::timeout(Duration::from_secs(1), body(5_000, bandwidth.inward()).collect());
        assert!(other.await.is_ok(), "the other direction has a limit of its own");
        let inward = begun.elapsed();
        for whole in both {
            assert_eq!(whole.await.unwrap().to_bytes().len(), 50_000);
        }
        let took = begun.elapsed() - inward;
        assert!((9.5..10.5).contains(&took.as_secs_f64()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_limit_lets_small_pieces_through_all_the_while() {
        let bandwidth = Bandwidth::new(100);
        let mut body = body(100, bandwidth.outward());
        assert_eq!(body.size_hint().exact(), Some(100));
        let (mut last, mut bytes) = (Instant::now(), 0);
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().into_data().unwrap().len();
            assert!(last.elapsed() < Duration::from_secs(1));
            last = Instant::now();
        }
        assert_eq!(bytes, 100);
    }
}
