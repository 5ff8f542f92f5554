//! A document with its attachments on its way between two databases: a body that is read by the one
//! as it is written by the other. How it is asked for and stored is in `database/carrying.rs`.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};
use refuge_replication::EndFailure;

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

/// Counts the pieces of a body that were taken, for whoever watches that it moves.
pub(crate) struct Watched {
    body: StreamBody,
    progress: Arc<AtomicU64>,
}

impl Watched {
    /// The body, and the number of its pieces that were taken so far.
    pub(crate) fn over(body: StreamBody) -> (StreamBody, Arc<AtomicU64>) {
        let progress = Arc::new(AtomicU64::new(0));
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
        if polled.is_ready() {
            self.progress.fetch_add(1, Ordering::Relaxed);
        }
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
