//! How long nothing has been asked over the connection of a node. HTTP/2 has no limit of its own for that, so
//! strangers could keep their connections for ever.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use crate::stream::{BrokenStream, ReplyBody};

/// The requests under way over one connection. Clones count together; one at a time waits for them.
#[derive(Clone, Default)]
pub(super) struct Requests(Arc<Counted>);

#[derive(Default)]
struct Counted {
    under_way: AtomicUsize,
    /// One began or ended, also between two looks.
    changed: Notify,
}

impl Requests {
    /// One more is under way, until what is given back is dropped.
    pub(super) fn begin(&self) -> UnderWay {
        self.0.under_way.fetch_add(1, Ordering::SeqCst);
        self.0.changed.notify_one();
        UnderWay(Arc::clone(&self.0))
    }

    /// Waits until there has been none for so long.
    pub(super) async fn idle(&self, patience: Duration) {
        loop {
            let changed = self.0.changed.notified();
            if self.0.under_way.load(Ordering::SeqCst) > 0 {
                changed.await;
            } else if tokio::time::timeout(patience, changed).await.is_err() {
                return;
            }
        }
    }
}

/// A request under way.
pub(super) struct UnderWay(Arc<Counted>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
        self.0.changed.notify_one();
    }
}

/// The body of an answer, whose request is under way until it ends.
pub(super) struct CountedBody {
    body: ReplyBody,
    _under_way: Option<UnderWay>,
}

impl CountedBody {
    /// Where nobody counts there is nothing under way.
    pub(super) fn new(body: ReplyBody, under_way: Option<UnderWay>) -> Self {
        Self { body, _under_way: under_way }
    }
}

impl Body for CountedBody {
    type Data = Bytes;
    type Error = BrokenStream;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenStream>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn it_is_idle_so_long_after_the_last_answer_and_not_before() {
        let requests = Requests::default();
        let (first, second) = (requests.begin(), requests.begin());
        drop(first);
        assert!(timeout(100 * SECOND, requests.idle(SECOND)).await.is_err());
        drop(CountedBody::new(ReplyBody::empty(), Some(second)));
        let begun = Instant::now();
        requests.idle(SECOND).await;
        assert!(begun.elapsed() >= SECOND);
    }

    #[tokio::test(start_paused = true)]
    async fn what_began_and_ended_at_once_counts() {
        let requests = Requests::default();
        let asking = async {
            for _ in 0..10 {
                tokio::time::sleep(SECOND / 2).await;
                drop(requests.begin());
            }
            Instant::now()
        };
        let idle = async {
            requests.idle(SECOND).await;
            Instant::now()
        };
        let (asked, idle) = tokio::join!(asking, idle);
        assert!(idle >= asked + SECOND);
    }
}
