//! What is to be done for the tombstones of each database, read from the storage. Doing it does not
//! belong here.

use refuge_storage::{DatabaseRecord, StorageError, Store, TimeMark};

/// A mark is due when this part of the time for which tombstones are kept has passed since the last
/// (1/8): so much longer they are kept at most.
const PART_BETWEEN_MARKS: u64 = 8;
/// No more often than this: rows that are spared cost less than later marks.
const LONGEST_BETWEEN_MARKS_MS: u64 = 3_600_000;

/// What is looked at, and from when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Survey {
    /// Now, in milliseconds since 1970.
    pub(super) now_ms: u64,
    /// For how long tombstones are kept where a database does not say, in milliseconds; 0 for ever.
    pub(super) usual_ms: u64,
}

/// A database whose tombstones are not kept for ever.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) record: DatabaseRecord,
    /// For how long, in milliseconds.
    pub(super) keep_ms: u64,
    /// Whether its time is to be marked.
    pub(super) mark: bool,
    /// Which tombstones are due.
    pub(super) sweep: Option<Sweep>,
}

/// Tombstones that are due.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sweep {
    /// Behind this sequence.
    pub(super) after: u64,
    /// Up to this mark.
    pub(super) mark: TimeMark,
}

impl Survey {
    /// Looks at databases; those whose tombstones are kept for ever, and the node's own, are left out.
    pub(super) fn of(
        self,
        store: &Store,
        records: Vec<DatabaseRecord>,
    ) -> Result<Vec<Kept>, StorageError> {
        let snapshot = store.snapshot()?;
        let mut found = Vec::new();
        for record in records {
            let keep_ms = snapshot.options(record.id)?.tombstone_ms.unwrap_or(self.usual_ms);
            if keep_ms == 0 || record.name.starts_with('_') {
                continue;
            }
            let state = snapshot.tombstone_state(record.id)?;
            let newest = snapshot.time_mark(record.id, u64::MAX)?;
            let sequence = snapshot.update_sequence(record.id)?;
            let due = snapshot.time_mark(record.id, self.now_ms.saturating_sub(keep_ms))?;
            let sweep = due.map(|mark| Sweep { after: state.swept, mark });
            let mark = self.is_mark_due(newest, sequence.max(state.swept), state.swept, keep_ms);
            found.push(Kept { record, keep_ms, mark, sweep });
        }
        Ok(found)
    }

    /// Whether something was written since the last mark, and enough time has passed.
    fn is_mark_due(
        self,
        newest: Option<TimeMark>,
        sequence: u64,
        swept: u64,
        keep_ms: u64,
    ) -> bool {
        let spacing_ms = (keep_ms / PART_BETWEEN_MARKS).min(LONGEST_BETWEEN_MARKS_MS);
        match newest {
            None => sequence > swept,
            Some(mark) => {
                sequence > mark.sequence && mark.time_ms.saturating_add(spacing_ms) <= self.now_ms
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn time_is_marked_where_something_was_written_and_not_too_often() {
        let survey = Survey { now_ms: 10 * DAY_MS, usual_ms: 0 };
        let mark = |time_ms, sequence| Some(TimeMark { time_ms, sequence });
        let due = |newest, sequence, keep_ms| survey.is_mark_due(newest, sequence, 3, keep_ms);
        assert!(!due(None, 3, DAY_MS));
        assert!(due(None, 4, DAY_MS));
        assert!(!due(mark(9 * DAY_MS, 4), 4, DAY_MS));
        assert!(due(mark(9 * DAY_MS, 4), 5, DAY_MS));
        assert!(!due(mark(10 * DAY_MS - 1_000, 4), 5, DAY_MS));
        assert!(due(mark(10 * DAY_MS - 1_000, 4), 5, 4_000));
        assert!(due(mark(10 * DAY_MS - 3_600_000, 4), 5, 365 * DAY_MS));
    }
}
