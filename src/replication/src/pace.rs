//! How fast a replication is and how long it will take, from the counts of the last seconds.

use std::collections::VecDeque;

use crate::summary::Statistics;

/// Counts older than this say nothing of now, milliseconds.
const WINDOW_MS: u64 = 10_000;
/// Two notes are at least so far apart, milliseconds: a busy replication is noted a hundred times a second.
const STEP_MS: u64 = 500;

/// What was counted when.
#[derive(Clone, Copy, Debug)]
struct Note {
    at_ms: u64,
    done: u64,
    written: u64,
    bytes: u64,
}

/// The counts of the last seconds.
#[derive(Clone, Debug, Default)]
pub struct Pace {
    notes: VecDeque<Note>,
    latest: Option<Note>,
}

/// How fast it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Speed {
    /// Documents stored on the target a second.
    pub documents: f64,
    /// Bytes of documents handed to the target a second.
    pub bytes: f64,
    /// Rows of the source's feed that were got through a second.
    pub changes: f64,
}

impl Pace {
    /// Takes notice of the counts at a time, milliseconds by a clock that never goes back: rows of the feed
    /// that are done, and what was written, with the bytes of documents that are being carried.
    pub fn note(&mut self, at_ms: u64, done: u64, counts: &Statistics) {
        let (written, bytes) = (counts.docs_written, counts.bytes_written);
        let note = Note { at_ms, done, written, bytes };
        self.latest = Some(note);
        if self.notes.back().is_none_or(|last| at_ms.saturating_sub(last.at_ms) >= STEP_MS) {
            self.notes.push_back(note);
        }
        // One that is older stays, so that the window is full.
        while self.notes.get(1).is_some_and(|next| at_ms.saturating_sub(next.at_ms) >= WINDOW_MS) {
            self.notes.pop_front();
        }
    }

    /// How fast it is at a time.
    pub fn speed(&self, now_ms: u64) -> Speed {
        let (Some(first), Some(latest)) = (self.notes.front(), self.latest) else {
            return Speed::default();
        };
        // Within the first moments a few documents would look like thousands a second.
        let seconds = now_ms.saturating_sub(first.at_ms).max(STEP_MS) as f64 / 1_000.0;
        let per_second = |from: u64, to: u64| to.saturating_sub(from) as f64 / seconds;
        Speed {
            documents: per_second(first.written, latest.written),
            bytes: per_second(first.bytes, latest.bytes),
            changes: per_second(first.done, latest.done),
        }
    }
}

impl Speed {
    /// Seconds until `pending` changes are through at this speed; `None` where nobody knows.
    pub fn seconds_left(&self, pending: Option<u64>) -> Option<u64> {
        match pending? {
            0 => Some(0),
            pending if self.changes > 0.0 => Some((pending as f64 / self.changes).ceil() as u64),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half of what is done was written, 60 bytes of each row.
    fn counts(done: u64, carried_bytes: u64) -> Statistics {
        let bytes_written = done * 60 + carried_bytes;
        Statistics { docs_written: done / 2, bytes_written, ..Statistics::default() }
    }

    #[test]
    fn the_last_seconds_count() {
        let mut pace = Pace::default();
        assert_eq!(pace.speed(0), Speed::default());
        // 100 a second for a minute, then 1,000.
        for step in 0..600 {
            let done = step * 10;
            pace.note(step * 100, done, &counts(done, step * 400));
        }
        let speed = pace.speed(60_000);
        assert!((95.0..=105.0).contains(&speed.changes), "{speed:?}");
        assert!((47.0..=53.0).contains(&speed.documents), "{speed:?}");
        for step in 0..200 {
            let (done, carried) = (6_000 + step * 100, 240_000 + step * 4_000);
            pace.note(60_000 + step * 100, done, &counts(done, carried));
        }
        let speed = pace.speed(80_000);
        assert!((950.0..=1_050.0).contains(&speed.changes), "{speed:?}");
        assert_eq!(speed.bytes, speed.changes * 100.0, "what is carried counts");
        assert!(pace.notes.len() <= 25, "{}", pace.notes.len());
    }

    #[test]
    fn the_time_left_is_known_where_something_moves() {
        let speed = Speed { changes: 50.0, ..Speed::default() };
        assert_eq!(speed.seconds_left(Some(1_001)), Some(21));
        assert_eq!(speed.seconds_left(Some(0)), Some(0));
        assert_eq!(speed.seconds_left(None), None);
        assert_eq!(Speed::default().seconds_left(Some(5)), None);
    }
}
