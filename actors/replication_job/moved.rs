//! Bytes of documents that are being carried, counted while they move: such a document may take hours, in
//! which nothing else tells how fast its replication is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Frame;
use ractor::ActorRef;
use refuge_client::CarriedDocument;

use super::ReplicationJobMessage;

/// The job is told at most so often, milliseconds: often enough for who watches.
const STEP_MS: u64 = 500;

/// The count.
pub(super) struct Moved {
    bytes: AtomicU64,
    /// When the job was told, milliseconds since the beginning.
    told_ms: AtomicU64,
    began: Instant,
    job: ActorRef<ReplicationJobMessage>,
}

impl Moved {
    /// That of a job.
    pub(super) fn of(job: ActorRef<ReplicationJobMessage>) -> Self {
        let (bytes, told_ms) = Default::default();
        Self { bytes, told_ms, began: Instant::now(), job }
    }

    /// How many there were.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let told_ms = self.told_ms.load(Ordering::Relaxed);
        let is_first = || {
            let (order, other) = (Ordering::Relaxed, Ordering::Relaxed);
            self.told_ms.compare_exchange(told_ms, now_ms, order, other).is_ok()
        };
        if now_ms.saturating_sub(told_ms) >= STEP_MS && is_first() {
            // One that has ended needs to know no more.
            let _ = self.job.cast(ReplicationJobMessage::Moved);
        }
    }

    /// The document, counted as it is read.
    pub(super) fn counted(self: Arc<Self>, document: CarriedDocument) -> CarriedDocument {
        let count = move |frame: Frame<Bytes>| {
            self.add(frame.data_ref().map_or(0, Bytes::len));
            frame
        };
        let body = document.body.map_frame(count).boxed_unsync();
        CarriedDocument { body, ..document }
    }
}
