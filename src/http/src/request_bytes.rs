//! The bound on the bytes of request bodies that are held in memory at a time. Reading the bodies is
//! not done here.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::Failure;

/// Bytes of request bodies that a node holds at a time: four of the largest, many thousand of the
/// usual ones.
const BYTES: usize = 256 * 1024 * 1024;

/// How long a request waits until others give bytes back.
const PATIENCE: Duration = Duration::from_secs(5);

/// When a refused client is asked to come again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// What all requests of a node have left together; clones share it.
#[derive(Clone, Debug)]
pub struct RequestBytes(Arc<Semaphore>);

impl Default for RequestBytes {
    fn default() -> Self {
        Self::new(BYTES)
    }
}

impl RequestBytes {
    /// A bound of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// What a request holds at its beginning: nothing.
    pub(crate) fn none(&self) -> HeldBytes {
        HeldBytes { source: self.clone(), permit: None }
    }
}

/// The bytes that one request holds; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    source: RequestBytes,
    permit: Option<OwnedSemaphorePermit>,
}

impl HeldBytes {
    /// Holds `more` bytes beside those held already; 503 when there are none for a while.
    pub(crate) async fn hold(&mut self, more: usize) -> Result<(), Failure> {
        let count = u32::try_from(more).map_err(|_| busy())?;
        let source = &self.source.0;
        let permit = match source.clone().try_acquire_many_owned(count) {
            Ok(permit) => permit,
            Err(_) => tokio::time::timeout(PATIENCE, source.clone().acquire_many_owned(count))
                .await
                .map_err(|_| busy())?
                .map_err(|_| busy())?,
        };
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        Ok(())
    }

    /// Gives `bytes` of those held back.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        // More than is held cannot be given back, and is not.
        drop(self.permit.as_mut().and_then(|held| held.split(bytes)));
    }
}

fn busy() -> Failure {
    Failure::Busy { reason: "too many bytes under way".to_owned(), retry_after: RETRY_AFTER }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_one_holds_another_waits_for() {
        let bytes = RequestBytes::new(100);
        let (mut first, mut second) = (bytes.none(), bytes.none());
        assert_eq!(first.hold(40).await, Ok(()));
        assert_eq!(first.hold(40).await, Ok(()));
        assert_eq!(second.hold(20).await, Ok(()));
        let begin = tokio::time::Instant::now();
        assert_eq!(second.hold(1).await.expect_err("full").status().0.as_u16(), 503);
        assert_eq!(begin.elapsed(), PATIENCE);
        first.give_back(10);
        assert_eq!(second.hold(10).await, Ok(()));
        drop(first);
        assert_eq!(second.hold(70).await, Ok(()));
        drop(second);
        assert_eq!(bytes.none().hold(100).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_there_ever_is_is_refused() {
        let failure = RequestBytes::new(100).none().hold(101).await.expect_err("too many");
        assert!(matches!(failure, Failure::Busy { .. }));
    }
}
