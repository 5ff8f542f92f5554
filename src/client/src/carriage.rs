//! A document with its attachments on its way between two databases: a body that is read by the one
//! as it is written by the other. How it is asked for and stored is in `database/carrying.rs`.

use std::error::Error;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};
use refuge_replication::EndFailure;
use tokio::time::Instant;

/// What a broken stream tells.
pub type StreamError = Box<dyn Error + Send + Sync>;

/// A body that is produced while it is sent.
pub type StreamBody = UnsyncBoxBody<Bytes, StreamError>;

/// A revision as `multipart/related`, or as JSON alone where nothing follows it.
pub struct CarriedDocument {
    /// Its `Content-Type`, with the boundary of its parts: another boundary means other bytes.
    pub content_type: String,
    /// Bytes of the whole, where the source can go on in the midst of it; `None` where it begins anew.
    pub resumable_length: Option<u64>,
    /// The bytes, from where it was opened on.
    pub body: StreamBody,
}

/// Where a revision is carried from.
#[async_trait]
pub trait CarriageSource: Send + Sync {
    /// The revision from so many bytes on; `None` where it is no longer there. A source that cannot go on
    /// in its midst begins at its beginning: see [`CarriedDocument::resumable_length`].
    ///
    /// # Errors
    /// What the failure means for the replication.
    async fn open(&self, offset: u64) -> Result<Option<CarriedDocument>, EndFailure>;
}

/// What is seen of a body on its way out.
#[derive(Default)]
pub(crate) struct Progress {
    /// Pieces that were taken so far.
    pieces: AtomicU64,
    /// Since when whoever sends it waits for whoever makes it.
    waits_since: Mutex<Option<Instant>>,
}

impl Progress {
    /// The number of its pieces that were taken so far.
    pub(crate) fn pieces(&self) -> u64 {
        self.pieces.load(Ordering::Relaxed)
    }

    /// How long whoever makes it has been silent; nothing while it is the link or the other end that waits.
    pub(crate) fn silence(&self) -> Duration {
        self.waits_since().map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn waits_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.waits_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes how a body fares, for whoever watches that it moves.
pub(crate) struct Watched {
    body: StreamBody,
    progress: Arc<Progress>,
}

impl Watched {
    /// The body, and what is seen of it.
    pub(crate) fn over(body: StreamBody) -> (StreamBody, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        let watched = Self { body, progress: Arc::clone(&progress) };
        (watched.boxed_unsync(), progress)
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let mut waits_since = self.progress.waits_since();
        match &polled {
            Poll::Ready(_) => {
                *waits_since = None;
                self.progress.pieces.fetch_add(1, Ordering::Relaxed);
            }
            Poll::Pending => {
                waits_since.get_or_insert_with(Instant::now);
            }
        }
        drop(waits_since);
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A whole body that goes out in pieces, so that whoever watches sees it move.
pub(crate) struct Pieces(pub(crate) Bytes);

/// Taken at once by a connection.
const PIECE_BYTES: usize = 64 << 10;

impl Body for Pieces {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let bytes = self.0.len().min(PIECE_BYTES);
        let piece = self.0.split_to(bytes);
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody as FromStream;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_silence_of_whoever_makes_a_body_is_seen() {
        let second = Duration::from_secs(1);
        let pieces = futures_util::stream::unfold(0, |number| async move {
            tokio::time::sleep(Duration::from_secs(9)).await;
            (number < 2).then(|| (Ok(Frame::data(Bytes::from_static(b"x"))), number + 1))
        });
        let (mut body, progress) = Watched::over(FromStream::new(pieces).boxed_unsync());
        assert_eq!(progress.silence(), Duration::ZERO, "nobody has asked for anything");
        for seen in 1..=3 {
            let early = tokio::time::timeout(second, body.frame()).await;
            assert!(early.is_err() && progress.silence() >= second);
            body.frame().await;
            assert_eq!((progress.silence(), progress.pieces()), (Duration::ZERO, seen));
            // The link is busy: nobody waits for the body.
            tokio::time::sleep(second).await;
            assert_eq!(progress.silence(), Duration::ZERO);
        }
    }
}
