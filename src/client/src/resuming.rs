//! A carriage that goes on where its link was cut: the source is opened again at the byte that was
//! reached, after growing pauses, until for a long while no byte came.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody as FromStream};
use hyper::body::Frame;
use refuge_replication::{EndFailure, EndFailureKind};
use tokio::time::Instant;

use crate::carriage::{CarriageSource, CarriedDocument, StreamBody, StreamError};

/// The first pause after a cut; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// After so long without a byte the carriage fails, and begins anew when it is tried again.
const PATIENCE: Duration = Duration::from_secs(600);

/// Pauses between attempts, until bytes move again.
pub(crate) struct Attempts {
    next: Duration,
    since: Instant,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self { next: FIRST_PAUSE, since: Instant::now() }
    }

    /// Bytes moved.
    pub(crate) fn moved(&mut self) {
        *self = Self::new();
    }

    /// Waits before the next attempt; gives the failure back where it is the last.
    pub(crate) async fn pause(&mut self, failure: EndFailure) -> Result<(), EndFailure> {
        let EndFailureKind::Transient { retry_after_ms } = failure.kind else {
            return Err(failure);
        };
        if self.since.elapsed() >= PATIENCE {
            return Err(failure);
        }
        let asked = retry_after_ms.map_or(Duration::ZERO, Duration::from_millis);
        tokio::time::sleep(self.next.max(asked).min(PATIENCE)).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

/// A document whose body is opened again at the source when it breaks off, so that whoever stores it
/// never hears of it. Where the source cannot do that, the document as it is.
pub fn resumed(document: CarriedDocument, source: Arc<dyn CarriageSource>) -> CarriedDocument {
    let Some(length) = document.resumable_length else { return document };
    let CarriedDocument { content_type, body, .. } = document;
    let reading = Reading {
        source,
        content_type: content_type.clone(),
        length,
        reached: 0,
        body: Some(body),
        attempts: Attempts::new(),
    };
    let pieces = futures_util::stream::unfold(Some(reading), |reading| async {
        let mut reading = reading?;
        match reading.piece().await {
            Ok(Some(piece)) => Some((Ok(Frame::data(piece)), Some(reading))),
            Ok(None) => None,
            Err(failure) => {
                let failure: StreamError = failure.into();
                Some((Err(failure), None))
            }
        }
    });
    let body = FromStream::new(pieces).boxed_unsync();
    CarriedDocument { content_type, resumable_length: Some(length), body }
}

struct Reading {
    source: Arc<dyn CarriageSource>,
    content_type: String,
    length: u64,
    reached: u64,
    /// Gone while the link is cut.
    body: Option<StreamBody>,
    attempts: Attempts,
}

impl Reading {
    async fn piece(&mut self) -> Result<Option<Bytes>, EndFailure> {
        loop {
            if self.reached >= self.length {
                return Ok(None);
            }
            let Some(body) = &mut self.body else {
                self.open_again().await?;
                continue;
            };
            let failure = match body.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        self.reached += data.len() as u64;
                        self.attempts.moved();
                        return Ok(Some(data));
                    }
                    Err(_) => continue,
                },
                None => EndFailure::transient("the document broke off"),
                Some(Err(error)) => EndFailure::transient(error.to_string()),
            };
            self.body = None;
            self.attempts.pause(failure).await?;
        }
    }

    async fn open_again(&mut self) -> Result<(), EndFailure> {
        match self.source.open(self.reached).await {
            Ok(found) => {
                let document = same(found, &self.content_type, self.length)?;
                self.body = Some(document.body);
                Ok(())
            }
            Err(failure) => self.attempts.pause(failure).await,
        }
    }
}

/// The rest of the same document, and of no other.
pub(crate) fn same(
    found: Option<CarriedDocument>,
    content_type: &str,
    length: u64,
) -> Result<CarriedDocument, EndFailure> {
    let rest = found.filter(|document| {
        document.content_type == content_type && document.resumable_length == Some(length)
    });
    rest.ok_or_else(|| EndFailure::transient("the document is sent otherwise than before the cut"))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;

    /// Breaks off after every hundred bytes.
    struct Flaky {
        opened: Mutex<Vec<u64>>,
        boundary_changes_after: usize,
    }

    #[async_trait]
    impl CarriageSource for Flaky {
        async fn open(&self, offset: u64) -> Result<Option<CarriedDocument>, EndFailure> {
            let mut opened = self.opened.lock().unwrap();
            opened.push(offset);
            if opened.len() % 3 == 2 {
                return Err(EndFailure::transient("connection refused"));
            }
            let end = (offset + 100).min(1_000);
            let bytes: Vec<u8> = (offset..end).map(|number| number as u8).collect();
            let pieces = [Ok(Frame::data(Bytes::from(bytes))), Err("reset".into())];
            let body = FromStream::new(futures_util::stream::iter(pieces)).boxed_unsync();
            let same = opened.len() <= self.boundary_changes_after;
            let content_type = if same { "one" } else { "another" }.to_owned();
            Ok(Some(CarriedDocument { content_type, resumable_length: Some(1_000), body }))
        }
    }

    async fn read(boundary_changes_after: usize) -> (Result<Vec<u8>, String>, Vec<u64>) {
        let opened = Mutex::new(Vec::new());
        let source = Arc::new(Flaky { opened, boundary_changes_after });
        let first = source.open(0).await.unwrap().unwrap();
        let whole = resumed(first, source.clone()).body.collect().await;
        let whole = whole.map(|whole| whole.to_bytes().to_vec());
        let opened = source.opened.lock().unwrap().clone();
        (whole.map_err(|error| error.to_string()), opened)
    }

    #[tokio::test(start_paused = true)]
    async fn each_byte_is_asked_for_once() {
        let (whole, opened) = read(usize::MAX).await;
        assert!(whole.unwrap() == (0..1_000).map(|number| number as u8).collect::<Vec<_>>());
        let mut distinct = opened.clone();
        distinct.dedup();
        assert_eq!(distinct, (0..10).map(|number| number * 100).collect::<Vec<u64>>());
    }

    #[tokio::test(start_paused = true)]
    async fn another_document_is_not_taken_for_the_rest() {
        let (whole, _) = read(3).await;
        assert!(whole.unwrap_err().contains("otherwise than before"));
    }
}
