//! How often documents were merged lately. Nodes on which functions return different documents merge each
//! other's for ever; one that is merged again and again therefore rests before each further time, so that this
//! costs little, while documents that are only edited a lot are merged on.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use refuge_storage::DatabaseId;

use super::waiting::Place;

/// Merges of a document in a row that nobody looks at twice.
const MOST_IN_A_ROW: u32 = 64;
/// A document that was not merged for so long has no row any more.
const ROW_ENDS_AFTER: Duration = Duration::from_secs(60);
/// How long it rests before each merge beyond those.
const REST: Duration = Duration::from_secs(5);
/// Documents of which is remembered how often they were merged.
const REMEMBERED: usize = 10_000;

type Named = (DatabaseId, String);

/// Merges of documents, and those that rest.
#[derive(Default)]
pub(super) struct Tries {
    known: HashMap<Named, Row>,
    /// Documents that rest, by the time until when; the number tells equal times apart.
    resting: BTreeMap<(Instant, u64), (Place, String)>,
    last_number: u64,
}

/// Merges of one document in a row.
struct Row {
    count: u32,
    last: Instant,
    rests: bool,
}

impl Tries {
    /// Whether a document may be merged now. One that may not is remembered, once, until it may.
    pub(super) fn may(&mut self, place: &Place, id: &str, now: Instant) -> bool {
        let named = (place.database, id.to_owned());
        let Some(row) = self.known.get_mut(&named) else { return true };
        if now.saturating_duration_since(row.last) >= ROW_ENDS_AFTER {
            self.known.remove(&named);
            return true;
        }
        let until = row.last + REST;
        if row.count < MOST_IN_A_ROW || until <= now {
            return true;
        }
        if !std::mem::replace(&mut row.rests, true) {
            self.last_number += 1;
            self.resting.insert((until, self.last_number), (place.clone(), named.1));
        }
        false
    }

    /// A document was merged; tells whether it is the time to say that this does not end.
    pub(super) fn merged(&mut self, place: &Place, id: &str, now: Instant) -> bool {
        if self.known.len() >= REMEMBERED {
            self.known.retain(|_, row| {
                row.rests || now.saturating_duration_since(row.last) < ROW_ENDS_AFTER
            });
        }
        // Where so many are merged at once, none of them is looked after.
        if self.known.len() >= REMEMBERED {
            return false;
        }
        let named = (place.database, id.to_owned());
        let row = self.known.entry(named).or_insert(Row { count: 0, last: now, rests: false });
        row.count = row.count.saturating_add(1);
        row.last = now;
        row.count == MOST_IN_A_ROW
    }

    /// A document that has rested.
    pub(super) fn rested(&mut self, now: Instant) -> Option<(Place, String)> {
        let first = self.resting.first_entry().filter(|first| first.key().0 <= now)?;
        let (place, id) = first.remove();
        if let Some(row) = self.known.get_mut(&(place.database, id.clone())) {
            row.rests = false;
        }
        Some((place, id))
    }

    /// When the next one has rested.
    pub(super) fn next(&self) -> Option<Instant> {
        self.resting.first_key_value().map(|((until, _), _)| *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_is_merged_without_end_rests_and_another_does_not() {
        let place = Place { database: DatabaseId(1), name: "a".to_owned() };
        let (mut tries, mut now) = (Tries::default(), Instant::now());
        let mut told = 0;
        for _ in 0..MOST_IN_A_ROW {
            assert!(tries.may(&place, "x", now));
            told += usize::from(tries.merged(&place, "x", now));
        }
        assert_eq!(told, 1);
        assert!(tries.may(&place, "y", now));
        for _ in 0..3 {
            // However often it is asked for it waits once.
            assert!(!tries.may(&place, "x", now) && !tries.may(&place, "x", now));
            assert_eq!(tries.rested(now), None);
            now = tries.next().unwrap();
            assert_eq!(tries.rested(now).map(|(_, id)| id).as_deref(), Some("x"));
            assert_eq!((tries.rested(now), tries.next()), (None, None));
            assert!(tries.may(&place, "x", now));
            assert!(!tries.merged(&place, "x", now), "it was told");
        }
        now += ROW_ENDS_AFTER;
        for _ in 0..MOST_IN_A_ROW {
            assert!(tries.may(&place, "x", now), "it was left alone meanwhile");
            tries.merged(&place, "x", now);
        }
    }
}
