//! The way to one database: how fast it was seen to be, which codings the other end takes, how many
//! requests may be under way on it and how many bytes a second. Decides whether bodies are packed: where
//! the way is slower than packing.

mod bandwidth;
mod gauge;

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::ACCEPT_ENCODING;
use refuge_packing::Coding;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

pub use bandwidth::Bandwidth;
pub(crate) use bandwidth::{Limited, Paces};
use gauge::Gauge;

/// A shorter body goes out in one packet anyway.
const LEAST_PACKED_BYTES: usize = 1400;

/// What the codings of an end are known to be.
mod takes {
    /// Nothing was heard of it: CouchDB takes gzip and does not tell.
    pub(super) const GZIP: u8 = 0;
    /// It says so.
    pub(super) const ZSTD: u8 = 1;
    /// It refused a packed body.
    pub(super) const PLAIN: u8 = 2;
}

/// How a database may be reached.
#[derive(Clone, Debug, Default)]
pub struct LinkOptions {
    /// Most bytes a second: all of these limits count, each shared with whoever else holds it.
    pub bandwidths: Vec<Arc<Bandwidth>>,
    /// Most requests under way at once, those that wait for changes aside. As many documents may be carried
    /// beside them: one takes hours perhaps, and all else would wait for it.
    pub connections: Option<usize>,
    /// How long the other end may be silent before a request counts as failed.
    pub patience: Option<Duration>,
    /// Whether bodies may be packed at all.
    pub packing: Packing,
    /// Documents are asked for one by one, also where the other end knows `_bulk_get`.
    pub without_bulk_get: bool,
}

/// When bodies are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// Where the way is seen to be slower than packing.
    #[default]
    Measured,
    /// Never.
    Never,
}

/// The way to one database.
pub(crate) struct Link {
    options: LinkOptions,
    permits: Option<Arc<Semaphore>>,
    /// Of documents that are carried.
    carriages: Option<Arc<Semaphore>>,
    gauge: Mutex<Gauge>,
    takes: AtomicU8,
}

impl Link {
    pub(crate) fn new(options: LinkOptions) -> Arc<Self> {
        let permits = || options.connections.map(|most| Arc::new(Semaphore::new(most.max(1))));
        Arc::new(Self {
            permits: permits(),
            carriages: permits(),
            options,
            gauge: Mutex::new(Gauge::default()),
            takes: AtomicU8::new(takes::GZIP),
        })
    }

    /// Waits until one more request may be under way.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(self.permits.as_ref()?).acquire_owned().await.ok()
    }

    /// Waits until one more document may be carried.
    pub(crate) async fn carriage_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(self.carriages.as_ref()?).acquire_owned().await.ok()
    }

    /// The silence that ends a request, where none else is wanted than `usual`.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        self.options.patience.unwrap_or(usual)
    }

    /// What limits the bytes that are sent.
    pub(crate) fn outward(&self) -> Paces {
        Paces::of(&self.options.bandwidths, true)
    }

    /// What limits the bytes that are received.
    pub(crate) fn inward(&self) -> Paces {
        Paces::of(&self.options.bandwidths, false)
    }

    /// Whether answers are asked for packed.
    pub(crate) fn asks_for_packed(&self) -> bool {
        self.options.packing == Packing::Measured && self.gauge().is_slow(Instant::now())
    }

    /// The coding of the body of a request; `None` for none.
    pub(crate) fn coding(&self, bytes: usize) -> Option<Coding> {
        if bytes < LEAST_PACKED_BYTES || !self.asks_for_packed() {
            return None;
        }
        match self.takes.load(Ordering::Relaxed) {
            takes::GZIP => Some(Coding::Gzip),
            takes::ZSTD => Some(Coding::Zstd),
            _ => None,
        }
    }

    /// The other end refused a packed body and took the same body plain.
    pub(crate) fn refuses_packed(&self) {
        self.takes.store(takes::PLAIN, Ordering::Relaxed);
    }

    /// Learns from the head of an answer.
    pub(crate) fn heard(&self, headers: &HeaderMap) {
        let told = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        if told.and_then(Coding::accepted) == Some(Coding::Zstd) {
            self.takes.store(takes::ZSTD, Ordering::Relaxed);
        }
    }

    /// The body of a request went out and was answered.
    pub(crate) fn sent(&self, bytes: u64, took: Duration) {
        self.gauge().sent(bytes, took, Instant::now());
    }

    /// The body of an answer came in.
    pub(crate) fn received(&self, bytes: u64, took: Duration) {
        self.gauge().received(bytes, took, Instant::now());
    }

    fn gauge(&self) -> std::sync::MutexGuard<'_, Gauge> {
        self.gauge.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
