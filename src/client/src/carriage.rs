//! A document with its attachments on its way between two databases: a body that is read by the one
//! as it is written by the other. How it is asked for and stored is in `database/carrying.rs`.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::{Body, Frame, SizeHint};

/// What a broken stream tells.
pub type StreamError = Box<dyn Error + Send + Sync>;

/// A body that is produced while it is sent.
pub type StreamBody = UnsyncBoxBody<Bytes, StreamError>;

/// A revision as `multipart/related`, or as JSON alone where nothing follows it.
pub struct CarriedDocument {
    /// Its `Content-Type`, with the boundary of its parts.
    pub content_type: String,
    /// The bytes.
    pub body: StreamBody,
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
