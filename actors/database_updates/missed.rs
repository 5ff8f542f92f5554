//! What happened to databases and was not told: found by walking the registry and the log's rows side by
//! side, both in the order of names, a page of each in memory.

use std::iter::Peekable;
use std::ops::Bound;

use refuge_http::DatabaseUpdateKind;
use refuge_storage::{DatabaseRange, DatabaseRecord, NodeRange, Store};

use super::rows::{Happened, NameRow, Present, ROWS_AT_ONCE, RowsError, names_prefix, read};

/// All that was missed, database by database.
pub(super) fn missed(store: &Store) -> Result<Vec<Happened>, RowsError> {
    let mut databases = databases(store).peekable();
    let mut created = rows(store, DatabaseUpdateKind::Created).peekable();
    let mut updated = rows(store, DatabaseUpdateKind::Updated).peekable();
    let mut deleted = rows(store, DatabaseUpdateKind::Deleted).peekable();
    let mut found = Vec::new();
    loop {
        let names = [name(&mut databases)?, name(&mut created)?, name(&mut updated)?];
        let Some(lowest) = names.into_iter().flatten().min() else { return Ok(found) };
        let present = taken(&mut databases, &lowest)?.unwrap_or_default();
        let rows = Rows {
            created: taken(&mut created, &lowest)?,
            updated: taken(&mut updated, &lowest)?,
            // Rows of names that nothing else is known of are passed over.
            deleted: passed_to(&mut deleted, &lowest)?,
        };
        found.extend(rows.missed(&present).map(|kind| Happened { kind, name: lowest.clone() }));
    }
}

/// What the log knows of one name.
struct Rows {
    created: Option<NameRow>,
    updated: Option<NameRow>,
    deleted: Option<NameRow>,
}

impl Rows {
    /// What was not told of the database that has the name now, or of its absence.
    fn missed(&self, present: &Present) -> impl Iterator<Item = DatabaseUpdateKind> {
        let number = |row: &Option<NameRow>| row.as_ref().map_or(0, |row| row.number);
        let known = |row: &Option<NameRow>| {
            row.as_ref().is_some_and(|row| row.instance == present.instance)
        };
        let is_there = present.instance.is_some();
        let created = is_there && !known(&self.created);
        let told = self.updated.as_ref().map_or(0, |row| row.sequence);
        let updated =
            is_there && present.sequence > 0 && (!known(&self.updated) || told < present.sequence);
        let deleted = !is_there && number(&self.deleted) < number(&self.created);
        [
            (created, DatabaseUpdateKind::Created),
            (updated, DatabaseUpdateKind::Updated),
            (deleted, DatabaseUpdateKind::Deleted),
        ]
        .into_iter()
        .filter_map(|(missed, kind)| missed.then_some(kind))
    }
}

type Named<T> = Result<(String, T), RowsError>;

/// The name that an iterator stands at.
fn name<T>(
    rows: &mut Peekable<impl Iterator<Item = Named<T>>>,
) -> Result<Option<String>, RowsError> {
    match rows.next_if(Result::is_err) {
        Some(Err(error)) => Err(error),
        _ => Ok(rows.peek().and_then(|row| row.as_ref().ok()).map(|(name, _)| name.clone())),
    }
}

/// What an iterator has for a name, if it stands there.
fn taken<T>(
    rows: &mut Peekable<impl Iterator<Item = Named<T>>>,
    wanted: &str,
) -> Result<Option<T>, RowsError> {
    let here = |row: &Named<T>| row.as_ref().map_or(true, |(name, _)| name == wanted);
    rows.next_if(here).transpose().map(|row| row.map(|(_, value)| value))
}

/// The same, after what stands before the name.
fn passed_to<T>(
    rows: &mut Peekable<impl Iterator<Item = Named<T>>>,
    wanted: &str,
) -> Result<Option<T>, RowsError> {
    let before = |row: &Named<T>| row.as_ref().is_ok_and(|(name, _)| name.as_str() < wanted);
    while rows.next_if(before).is_some() {}
    taken(rows, wanted)
}

/// All databases in the order of their names, a page at a time.
fn databases(store: &Store) -> impl Iterator<Item = Named<Present>> {
    let page = |after: Option<&String>| -> Result<Vec<DatabaseRecord>, RowsError> {
        let low = after.map_or(Bound::Unbounded, |after| Bound::Excluded(after.clone()));
        let (high, limit) = (Bound::Unbounded, ROWS_AT_ONCE);
        Ok(store.databases(&DatabaseRange { low, high, descending: false, limit })?)
    };
    let present = |record: DatabaseRecord| -> Named<Present> {
        let sequence = store.snapshot()?.update_sequence(record.id)?;
        let instance = Some(crate::hexadecimal(&record.instance));
        Ok((record.name, Present { instance, sequence }))
    };
    paged(page, |record| record.name.clone()).map(move |record| present(record?))
}

/// The log's rows of a kind in the order of their names.
fn rows(store: &Store, kind: DatabaseUpdateKind) -> impl Iterator<Item = Named<NameRow>> {
    let prefix = names_prefix(kind);
    let length = prefix.len();
    let page = move |after: Option<&String>| -> Result<Vec<(String, Vec<u8>)>, RowsError> {
        let after = after.map(String::as_str);
        Ok(store.node_range(&NodeRange { prefix: &prefix, after, limit: ROWS_AT_ONCE })?)
    };
    paged(page, |(key, _)| key.clone()).map(move |row| {
        let (key, row) = row?;
        let name = key.get(length..).unwrap_or_default().to_owned();
        Ok((name, read(&key, &row)?))
    })
}

/// The rows of page after page; each page begins behind the key of the row before it.
fn paged<T>(
    mut page: impl FnMut(Option<&String>) -> Result<Vec<T>, RowsError>,
    key: impl Fn(&T) -> String,
) -> impl Iterator<Item = Result<T, RowsError>> {
    let mut rows = Vec::new().into_iter();
    let (mut last, mut finished) = (None, false);
    std::iter::from_fn(move || {
        if finished {
            return None;
        }
        if let Some(row) = rows.next() {
            last = Some(key(&row));
            return Some(Ok(row));
        }
        match page(last.as_ref()) {
            Ok(read) => {
                rows = read.into_iter();
                let row = rows.next();
                finished = row.is_none();
                last = row.as_ref().map(&key).or(last.take());
                row.map(Ok)
            }
            Err(error) => {
                finished = true;
                Some(Err(error))
            }
        }
    })
}
