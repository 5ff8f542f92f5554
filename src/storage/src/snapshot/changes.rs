//! Walks over a database's changes in order of their sequences, with bodies on demand.

use std::ops::Bound;

use fjall::{Guard, Keyspace, Readable};
use refuge_document::ChangeRow;

use super::Snapshot;
use crate::database::DatabaseId;
use crate::error::StorageError;
use crate::keys;
use crate::operation::BodyRecord;
use crate::records;

/// Bodies that the scan beside the changes passes over before it jumps instead: a step costs
/// about 1 µs, a jump as much as a point read.
const STEPS_BEFORE_A_JUMP: usize = 24;

/// Which changes to walk over, and in which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeRange {
    /// Sequences above this one.
    pub after: u64,
    /// Up to this one, included.
    pub until: u64,
    /// From the highest sequence to the lowest.
    pub descending: bool,
}

impl Default for ChangeRange {
    fn default() -> Self {
        Self { after: 0, until: u64::MAX, descending: false }
    }
}

/// A walk over rows that stand under sequences.
struct SequenceRows {
    rows: Option<fjall::Iter>,
    descending: bool,
}

impl SequenceRows {
    fn new(
        snapshot: &Snapshot,
        keyspace: &Keyspace,
        database: DatabaseId,
        range: ChangeRange,
    ) -> Self {
        let keys = (
            Bound::Excluded(keys::sequence_key(database, range.after)),
            Bound::Included(keys::sequence_key(database, range.until)),
        );
        Self {
            rows: (range.after < range.until).then(|| snapshot.view().range(keyspace, keys)),
            descending: range.descending,
        }
    }

    fn next(&mut self) -> Option<Guard> {
        let rows = self.rows.as_mut()?;
        if self.descending { rows.next_back() } else { rows.next() }
    }
}

fn sequence_of(key: &[u8]) -> Result<u64, StorageError> {
    keys::sequence_of(key)
        .ok_or(StorageError::Record { keyspace: "sequences", reason: "its key is cut short" })
}

fn read_change(guard: Guard) -> Result<ChangeRow, StorageError> {
    let (key, row) = guard.into_inner()?;
    records::decode_change(sequence_of(&key)?, &row)
}

/// Changes in order of their sequences: one row for each document, under its last change.
pub struct Changes {
    rows: SequenceRows,
    // Last, so that the database outlives the rows.
    _snapshot: Snapshot,
}

impl Iterator for Changes {
    type Item = Result<ChangeRow, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next().map(read_change)
    }
}

/// Changes with the bodies of their winners: two scans side by side, since bodies stand in the
/// same order.
pub struct ChangesWithBodies {
    changes: SequenceRows,
    bodies: SequenceRows,
    /// The body the scan has arrived at and no change has taken yet.
    arrived: Option<(u64, fjall::UserValue)>,
    database: DatabaseId,
    range: ChangeRange,
    // Last, so that the database outlives the rows.
    snapshot: Snapshot,
}

impl ChangesWithBodies {
    fn with_body(&mut self, guard: Guard) -> <Self as Iterator>::Item {
        let change = read_change(guard)?;
        let body = self.body(change.body)?;
        Ok((change, body))
    }

    fn body(&mut self, place: u64) -> Result<Option<BodyRecord>, StorageError> {
        if place == 0 {
            return Ok(None);
        }
        for _ in 0..STEPS_BEFORE_A_JUMP {
            match self.arrived.take() {
                Some((at, row)) if at == place => {
                    return records::decode_body(records::bytes_of(row)).map(Some);
                }
                Some((at, row)) if self.is_past(at, place) => {
                    self.arrived = Some((at, row));
                    return self.snapshot.body(self.database, place);
                }
                _ => {}
            }
            let Some(guard) = self.bodies.next() else {
                // The scan is through: what is left stands before its start.
                return self.snapshot.body(self.database, place);
            };
            let (key, row) = guard.into_inner()?;
            self.arrived = Some((sequence_of(&key)?, row));
        }
        self.jump(place)
    }

    fn is_past(&self, at: u64, place: u64) -> bool {
        if self.range.descending { at < place } else { at > place }
    }

    /// Reads a body that lies far ahead and lets the scan go on behind it.
    fn jump(&mut self, place: u64) -> Result<Option<BodyRecord>, StorageError> {
        let range = if self.range.descending {
            ChangeRange { until: place.saturating_sub(1), ..self.range }
        } else {
            ChangeRange { after: place, ..self.range }
        };
        self.arrived = None;
        let keyspace = &self.snapshot.shared().keyspaces.bodies;
        self.bodies = SequenceRows::new(&self.snapshot, keyspace, self.database, range);
        self.snapshot.body(self.database, place)
    }
}

impl Iterator for ChangesWithBodies {
    type Item = Result<(ChangeRow, Option<BodyRecord>), StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        let guard = self.changes.next()?;
        Some(self.with_body(guard))
    }
}

impl Snapshot {
    /// The change of one sequence; `None` where there is none (any more).
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn change(
        &self,
        database: DatabaseId,
        sequence: u64,
    ) -> Result<Option<ChangeRow>, StorageError> {
        let key = keys::sequence_key(database, sequence);
        let row = self.get(&self.shared().keyspaces.sequences, key)?;
        row.map(|row| records::decode_change(sequence, &row)).transpose()
    }

    /// Walks over changes.
    #[must_use]
    pub fn changes(&self, database: DatabaseId, range: ChangeRange) -> Changes {
        let keyspace = &self.shared().keyspaces.sequences;
        Changes {
            rows: SequenceRows::new(self, keyspace, database, range),
            _snapshot: self.clone(),
        }
    }

    /// Walks over changes with the bodies of their winners; a body that has left is `None`.
    #[must_use]
    pub fn changes_with_bodies(
        &self,
        database: DatabaseId,
        range: ChangeRange,
    ) -> ChangesWithBodies {
        let keyspaces = &self.shared().keyspaces;
        ChangesWithBodies {
            changes: SequenceRows::new(self, &keyspaces.sequences, database, range),
            bodies: SequenceRows::new(self, &keyspaces.bodies, database, range),
            arrived: None,
            database,
            range,
            snapshot: self.clone(),
        }
    }

    /// How many changes lie in a range. It costs a scan of the smaller part, above or below
    /// `after`; counting everything costs nothing.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn count_changes(
        &self,
        database: DatabaseId,
        range: ChangeRange,
    ) -> Result<u64, StorageError> {
        let Some(information) = self.information(database)? else {
            return Ok(0);
        };
        let last = information.update_sequence;
        let until = range.until.min(last);
        if range.after >= until {
            return Ok(0);
        }
        // Each document has exactly one row.
        let total = information.documents + information.deleted_documents;
        let outside = range.after + (last - until);
        if until - range.after <= outside {
            return self.scan_count(database, range.after, until);
        }
        let below = self.scan_count(database, 0, range.after)?;
        let above = self.scan_count(database, until, last)?;
        Ok(total.saturating_sub(below + above))
    }

    fn scan_count(
        &self,
        database: DatabaseId,
        after: u64,
        until: u64,
    ) -> Result<u64, StorageError> {
        let range = ChangeRange { after, until, descending: false };
        let keyspace = &self.shared().keyspaces.sequences;
        let mut rows = SequenceRows::new(self, keyspace, database, range);
        let mut count = 0;
        while let Some(guard) = rows.next() {
            guard.key()?;
            count += 1;
        }
        Ok(count)
    }
}
