//! Limits of bytes a second, each direction by itself, each shared by all requests of whoever holds it.
//! Bodies are what is counted; heads are small.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
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
/// No limit, where a rate stands.
const UNLIMITED: u64 = 0;

/// The limit of both directions. It may be changed while bodies go out under it.
#[derive(Debug)]
pub struct Bandwidth {
    /// [`UNLIMITED`], or a number of bytes.
    bytes_per_second: AtomicU64,
    sent: Mutex<Option<Instant>>,
    received: Mutex<Option<Instant>>,
}

/// One of the two directions of a [`Bandwidth`].
#[derive(Clone, Debug)]
struct Pace {
    bandwidth: Arc<Bandwidth>,
    outward: bool,
}

/// The limits of one direction that count for a body: all of them.
#[derive(Clone, Debug)]
pub(crate) struct Paces(Vec<Pace>);

impl Bandwidth {
    /// At most so many bytes a second in each direction; at least one.
    pub fn new(bytes_per_second: u64) -> Arc<Self> {
        let bandwidth = Self::unlimited();
        bandwidth.set(Some(bytes_per_second));
        bandwidth
    }

    /// No limit, until one is set.
    pub fn unlimited() -> Arc<Self> {
        Arc::new(Self {
            bytes_per_second: AtomicU64::new(UNLIMITED),
            sent: Mutex::new(None),
            received: Mutex::new(None),
        })
    }

    /// Another limit from now on, at least one byte a second; `None` for none. Bodies that are under way keep
    /// to it from their next piece on.
    pub fn set(&self, bytes_per_second: Option<u64>) {
        let rate = bytes_per_second.map_or(UNLIMITED, |bytes| bytes.max(1));
        if self.bytes_per_second.swap(rate, Ordering::Relaxed) != rate {
            // What was to be waited for was reckoned by the other rate.
            for paid in [&self.sent, &self.received] {
                *paid.lock().unwrap_or_else(PoisonError::into_inner) = None;
            }
        }
    }

    /// Bytes a second, while there is a limit.
    pub fn bytes_per_second(&self) -> Option<u64> {
        let rate = self.bytes_per_second.load(Ordering::Relaxed);
        Some(rate).filter(|rate| *rate != UNLIMITED)
    }
}

impl Pace {
    fn bytes_per_second(&self) -> Option<u64> {
        self.bandwidth.bytes_per_second()
    }

    /// Pays for so many bytes at a rate: when they have been paid for.
    fn pay(&self, bytes: usize, bytes_per_second: u64) -> Instant {
        let Bandwidth { sent, received, .. } = &*self.bandwidth;
        let paid = if self.outward { sent } else { received };
        let mut paid = paid.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        // Who rested does not catch up on all of it.
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let from = paid.map_or(earliest, |paid| paid.max(earliest));
        let until = from + Duration::from_secs_f64(bytes as f64 / bytes_per_second as f64);
        *paid = Some(until);
        until
    }
}

impl Paces {
    /// Those of what is sent, or of what is received, under these limits.
    pub(crate) fn of(bandwidths: &[Arc<Bandwidth>], outward: bool) -> Self {
        let pace = |bandwidth: &Arc<Bandwidth>| Pace { bandwidth: Arc::clone(bandwidth), outward };
        Self(bandwidths.iter().map(pace).collect())
    }

    /// Whether no limit can ever count.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until so many bytes have been paid for: in pieces, so that another limit is noticed soon.
    pub(crate) async fn paid(&self, mut bytes: usize) {
        while bytes > 0 {
            let (piece, until) = self.pay(bytes);
            if let Some(until) = until {
                tokio::time::sleep_until(until).await;
            }
            bytes -= piece;
        }
    }

    /// Pays by each limit for the first of so many bytes: for how many, and when the slowest is through;
    /// `None` where nothing limits.
    fn pay(&self, bytes: usize) -> (usize, Option<Instant>) {
        let rate = |pace| Some((pace, Pace::bytes_per_second(pace)?));
        // Looked at once, since they may be changed at any time.
        let rates: Vec<(&Pace, u64)> = self.0.iter().filter_map(rate).collect();
        let piece = rates.iter().map(|(_, rate)| piece_bytes(*rate)).fold(bytes, usize::min);
        (piece, rates.into_iter().map(|(pace, rate)| pace.pay(piece, rate)).max())
    }
}

/// How many bytes are paid for at once: about an eighth of a second's.
fn piece_bytes(bytes_per_second: u64) -> usize {
    let eighth = usize::try_from(bytes_per_second / 8).unwrap_or(usize::MAX);
    eighth.clamp(1, LARGEST_PIECE_BYTES)
}

/// A body that keeps to limits.
pub(crate) struct Limited {
    body: StreamBody,
    paces: Paces,
    rest: Bytes,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Limited {
    pub(crate) fn new(body: StreamBody, paces: Paces) -> Self {
        Self { body, paces, rest: Bytes::new(), waiting: None }
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
                let (bytes, until) = this.paces.pay(this.rest.len());
                let piece = this.rest.split_to(bytes);
                this.waiting = until.map(|until| Box::pin(tokio::time::sleep_until(until)));
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

    fn body(bytes: usize, paces: Paces) -> Limited {
        let full = Full::new(Bytes::from(vec![7; bytes]));
        Limited::new(full.map_err(|never| match never {}).boxed_unsync(), paces)
    }

    fn outward(bandwidth: &Arc<Bandwidth>) -> Paces {
        Paces::of(std::slice::from_ref(bandwidth), true)
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_that_go_out_together_keep_to_the_limit() {
        let bandwidth = Bandwidth::new(10_000);
        let begun = Instant::now();
        let both = [0, 1].map(|_| body(50_000, outward(&bandwidth)).collect());
        let inward = Paces::of(&[Arc::clone(&bandwidth)], false);
        let other = tokio::time::timeout(Duration::from_secs(1), body(5_000, inward).collect());
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
        let mut body = body(100, outward(&bandwidth));
        assert_eq!(body.size_hint().exact(), Some(100));
        let (mut last, mut bytes) = (Instant::now(), 0);
        while let Some(frame) = body.frame().await {
            bytes += frame.unwrap().into_data().unwrap().len();
            assert!(last.elapsed() < Duration::from_secs(1));
            last = Instant::now();
        }
        assert_eq!(bytes, 100);
    }

    #[tokio::test(start_paused = true)]
    async fn of_two_limits_the_slower_counts_and_the_other_holds_what_is_sent_beside() {
        let (of_peer, of_job) = (Bandwidth::new(10_000), Bandwidth::new(2_000));
        let both = Paces::of(&[Arc::clone(&of_peer), of_job], true);
        let begun = Instant::now();
        let slow = body(10_000, both).collect();
        let fast = body(40_000, outward(&of_peer)).collect();
        let (slow, fast) = tokio::join!(slow, fast);
        assert_eq!(slow.unwrap().to_bytes().len() + fast.unwrap().to_bytes().len(), 50_000);
        let took = begun.elapsed().as_secs_f64();
        assert!((4.8..6.5).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_limit_counts_for_a_body_that_is_under_way() {
        let bandwidth = Bandwidth::new(10);
        let paces = outward(&bandwidth);
        let begun = Instant::now();
        let mut sent = body(10_000, paces.clone());
        sent.frame().await.unwrap().unwrap();
        let mut received = Box::pin(paces.paid(10_000));
        let waits = tokio::time::timeout(Duration::from_secs(2), &mut received).await;
        assert!(waits.is_err(), "it takes a quarter of an hour");
        bandwidth.set(None);
        received.await;
        let left = sent.collect().await.unwrap().to_bytes().len();
        assert_eq!((left, bandwidth.bytes_per_second()), (9_999, None));
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        bandwidth.set(Some(1_000));
        let begun = Instant::now();
        body(3_000, paces).collect().await.unwrap();
        assert!(begun.elapsed() > Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}
