//! Indexes of readers: a view that is built per reader has an index for each set of names and roles that asks for
//! it. Which of them are in use is remembered here, within bounds; nothing is stored of it, so that those that
//! nobody asks for again after a restart leave as any other index does that no design document asks for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use refuge_http::Failure;
use refuge_storage::DatabaseId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::creating::IndexKey;

/// Sets of names and roles that have indexes of one design document's functions.
const MOST_OF_FUNCTIONS: usize = 100;
/// The same of a database: its readers take no places from those of others.
const MOST_OF_DATABASE: usize = 300;
/// The same of the whole node.
const MOST: usize = 1_000;
/// An index gives way to another one when it was not asked for so long.
const RESTING: Duration = Duration::from_secs(60);
/// One that was not asked for so long leaves.
const IDLE: Duration = Duration::from_secs(3_600);
/// First builds for readers of one design document's functions that run at once; others wait for their turn, in the
/// order in which they came, so that a hundred readers who ask together hold the node no longer than four do.
const BUILDS: usize = 4;

/// Places for first builds, by database and functions.
type Builds = HashMap<(DatabaseId, [u8; 16]), Arc<Semaphore>>;

/// The door to what is known of them.
#[derive(Default)]
pub(crate) struct ReaderIndexes {
    known: Mutex<HashMap<IndexKey, Use>>,
    /// Where some are under way.
    builds: Mutex<Builds>,
}

/// The place of a first build; given back when it is dropped.
pub(crate) struct BuildPlace {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Which of the indexes are meant.
type Which<'a> = dyn Fn(&IndexKey, &Use) -> bool + 'a;

/// An index that is in use.
#[derive(Clone, Copy)]
struct Use {
    /// The signature of the functions, whoever reads.
    functions: [u8; 16],
    asked: Instant,
}

impl ReaderIndexes {
    /// Says that somebody asks for the index of `key`, which is of these functions; tells which one gave way.
    ///
    /// # Errors
    /// [`Failure::Busy`] where there are as many as may be, and all of them in use.
    pub(crate) fn take(
        &self,
        key: IndexKey,
        functions: [u8; 16],
        now: Instant,
    ) -> Result<Option<IndexKey>, Failure> {
        let mut known = self.known();
        let asked = Use { functions, asked: now };
        if let Some(found) = known.get_mut(&key) {
            *found = asked;
            return Ok(None);
        }
        let of_database = |other: &IndexKey, _: &Use| other.0 == key.0;
        let of_functions =
            |other: &IndexKey, one: &Use| other.0 == key.0 && one.functions == functions;
        let count =
            |is_of: &Which<'_>| known.iter().filter(|(other, one)| is_of(other, one)).count();
        let of_node = |_: &IndexKey, _: &Use| true;
        // Who has as many as may be gives up one of its own.
        let giving: Option<&Which<'_>> = if count(&of_functions) >= MOST_OF_FUNCTIONS {
            Some(&of_functions)
        } else if count(&of_database) >= MOST_OF_DATABASE {
            Some(&of_database)
        } else if known.len() >= MOST {
            Some(&of_node)
        } else {
            None
        };
        let mut given_up = None;
        if let Some(gives) = giving {
            let some = known.iter().filter(|(other, one)| gives(other, one));
            let oldest = some.min_by_key(|(_, one)| one.asked);
            let oldest = oldest.filter(|(_, one)| now.duration_since(one.asked) >= RESTING);
            let oldest = oldest.map(|(key, _)| *key).ok_or_else(too_many)?;
            known.remove(&oldest);
            given_up = Some(oldest);
        }
        known.insert(key, asked);
        Ok(given_up)
    }

    /// Waits for a place to build an index of these functions for a reader.
    pub(crate) async fn build_place(
        &self,
        database: DatabaseId,
        functions: [u8; 16],
    ) -> BuildPlace {
        let places = {
            let mut builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody builds with any more: what builds or waits holds its own.
            builds.retain(|_, places| {
                Arc::strong_count(places) > 1 || places.available_permits() < BUILDS
            });
            let places = builds.entry((database, functions));
            Arc::clone(places.or_insert_with(|| Arc::new(Semaphore::new(BUILDS))))
        };
        // It is never closed.
        BuildPlace { _permit: places.acquire_owned().await.ok() }
    }

    /// Whether an index is in use: one that gave way may have been asked for again.
    pub(super) fn is_known(&self, key: &IndexKey) -> bool {
        self.known().contains_key(key)
    }

    /// The signatures of those of a database that are in use, with those of their functions.
    pub(super) fn used(&self, database: DatabaseId, now: Instant) -> HashMap<[u8; 16], [u8; 16]> {
        let mut known = self.known();
        known.retain(|_, one| now.duration_since(one.asked) < IDLE);
        let some = known.iter().filter(|(key, _)| key.0 == database);
        some.map(|(key, one)| (key.1, one.functions)).collect()
    }

    fn known(&self) -> MutexGuard<'_, HashMap<IndexKey, Use>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn too_many() -> Failure {
    Failure::Busy {
        reason: "too many readers ask for views that are built for each of them; try again later"
            .to_owned(),
        retry_after: RESTING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTIONS: [u8; 16] = [7; 16];

    fn key(database: u32, number: usize) -> IndexKey {
        let mut signature = [0; 16];
        signature[..8].copy_from_slice(&(number as u64).to_be_bytes());
        (DatabaseId(database), signature)
    }

    #[tokio::test]
    async fn builds_of_one_design_documents_functions_take_turns() {
        let indexes = ReaderIndexes::default();
        let mut places = Vec::new();
        for _ in 0..BUILDS {
            places.push(indexes.build_place(DatabaseId(1), FUNCTIONS).await);
        }
        let next = indexes.build_place(DatabaseId(1), FUNCTIONS);
        tokio::pin!(next);
        assert!(futures_util::poll!(&mut next).is_pending());
        // Others have places of their own, and leave none behind.
        drop(indexes.build_place(DatabaseId(2), FUNCTIONS).await);
        drop(indexes.build_place(DatabaseId(1), [8; 16]).await);
        places.pop();
        places.push(next.await);
        drop(places);
        drop(indexes.build_place(DatabaseId(3), FUNCTIONS).await);
        assert_eq!(indexes.builds.lock().unwrap().len(), 1);
    }

    #[test]
    fn the_one_that_rests_longest_gives_way_and_none_that_is_in_use() {
        let indexes = ReaderIndexes::default();
        let begin = Instant::now();
        for number in 0..MOST_OF_FUNCTIONS {
            let now = begin + Duration::from_millis(number as u64);
            assert_eq!(indexes.take(key(1, number), FUNCTIONS, now), Ok(None));
        }
        assert!(indexes.take(key(1, 500), FUNCTIONS, begin + RESTING / 2).is_err());
        // Other functions and databases have room of their own.
        assert_eq!(indexes.take(key(2, 0), FUNCTIONS, begin), Ok(None));
        assert_eq!(indexes.take(key(1, 501), [8; 16], begin), Ok(None));
        // Whoever asks again is in use.
        let later = begin + RESTING + Duration::from_secs(1);
        assert_eq!(indexes.take(key(1, 0), FUNCTIONS, later), Ok(None));
        assert_eq!(indexes.take(key(1, 500), FUNCTIONS, later), Ok(Some(key(1, 1))));
        assert_eq!(indexes.used(DatabaseId(1), later).len(), MOST_OF_FUNCTIONS + 1);
    }

    #[test]
    fn the_readers_of_one_database_take_no_places_from_those_of_others() {
        let indexes = ReaderIndexes::default();
        let begin = Instant::now();
        for number in 0..MOST_OF_DATABASE {
            let functions = [u8::try_from(number / 50).unwrap(); 16];
            assert_eq!(indexes.take(key(1, number), functions, begin), Ok(None));
        }
        assert!(indexes.take(key(1, 900), [99; 16], begin).is_err());
        assert_eq!(indexes.take(key(2, 0), FUNCTIONS, begin), Ok(None));
        let later = begin + RESTING;
        let given_up = indexes.take(key(1, 900), [99; 16], later).unwrap().unwrap();
        assert_eq!(given_up.0, DatabaseId(1));
        assert!(!indexes.is_known(&given_up) && indexes.is_known(&key(1, 900)));
    }

    #[test]
    fn a_node_has_so_many_and_idle_ones_leave() {
        let indexes = ReaderIndexes::default();
        let begin = Instant::now();
        for number in 0..MOST {
            let database = u32::try_from(number / 50).unwrap();
            assert_eq!(indexes.take(key(database, number), FUNCTIONS, begin), Ok(None));
        }
        assert!(indexes.take(key(99, MOST), FUNCTIONS, begin).is_err());
        let later = begin + RESTING;
        assert!(indexes.take(key(99, MOST), FUNCTIONS, later).unwrap().is_some());
        let used = indexes.used(DatabaseId(99), begin + IDLE);
        assert_eq!(used.len(), 1, "it was asked for later than the others");
        assert!(indexes.used(DatabaseId(3), begin + IDLE).is_empty());
    }
}
