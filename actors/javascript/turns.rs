//! Turns of databases in the lane of requests: one whose functions are slow keeps at most half of its threads,
//! and has its other jobs wait in the order in which they came. What runs is the threads'.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use refuge_http::Failure;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::too_many;
use crate::unavailable;

/// Jobs of one database that may wait for their turn.
const MOST_WAITING: usize = 256;
/// How long a turn is waited for: as long as a few functions that loop keep all of a database's threads.
const PATIENCE: Duration = Duration::from_secs(30);
/// Databases that are remembered before those are forgotten of which nothing runs.
const MOST_IDLE: usize = 1_000;

/// The places that each database has.
pub(super) struct Turns {
    places: usize,
    databases: Mutex<HashMap<u32, Arc<Queue>>>,
}

/// The places of one database.
#[derive(Debug)]
struct Queue {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    /// Keeps the queue known while something of it runs.
    _queue: Arc<Queue>,
}

/// Somebody who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Turns {
    /// With so many places for each database.
    pub(super) fn new(places: usize) -> Self {
        Self { places, databases: Mutex::default() }
    }

    /// Waits for a place of a database.
    ///
    /// # Errors
    /// [`Failure::Busy`] when too many wait, or none becomes free for long.
    pub(super) async fn take(&self, database: u32) -> Result<Turn, Failure> {
        let queue = self.queue(database);
        if queue.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            queue.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(too_many());
        }
        let waiting = Waiting(&queue.waiting);
        let place = Arc::clone(&queue.free).acquire_owned();
        let place = tokio::time::timeout(PATIENCE, place).await.map_err(|_| too_many())?;
        drop(waiting);
        Ok(Turn { _place: place.map_err(|_| unavailable())?, _queue: queue })
    }

    fn queue(&self, database: u32) -> Arc<Queue> {
        let mut databases = self.databases.lock().unwrap_or_else(PoisonError::into_inner);
        if databases.len() >= MOST_IDLE {
            databases.retain(|_, queue| Arc::strong_count(queue) > 1);
        }
        let queue = databases.entry(database).or_insert_with(|| {
            let free = Arc::new(Semaphore::new(self.places));
            Arc::new(Queue { free, waiting: AtomicUsize::new(0) })
        });
        Arc::clone(queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_database_keeps_no_more_than_its_places_and_others_go_on() {
        let turns = Turns::new(2);
        let first = turns.take(1).await.expect("a place");
        let _second = turns.take(1).await.expect("a place");
        assert!(matches!(turns.take(1).await, Err(Failure::Busy { .. })));
        let _other = turns.take(2).await.expect("a place of another database");
        drop(first);
        assert!(turns.take(1).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_bounded_and_nothing_is_remembered_for_ever() {
        let turns = Arc::new(Turns::new(1));
        let _kept = turns.take(1).await.expect("a place");
        let wait = |_| {
            let turns = Arc::clone(&turns);
            tokio::spawn(async move { turns.take(1).await.is_ok() })
        };
        let waiting: Vec<_> = (0..MOST_WAITING).map(wait).collect();
        while turns.queue(1).waiting.load(Ordering::Relaxed) < MOST_WAITING {
            tokio::task::yield_now().await;
        }
        let began = tokio::time::Instant::now();
        assert!(turns.take(1).await.is_err());
        assert!(began.elapsed() < PATIENCE, "it is refused at once");
        drop(waiting);
        for database in 2..5_000 {
            drop(turns.take(database).await);
        }
        assert!(turns.databases.lock().expect("a map").len() <= MOST_IDLE);
    }
}
