//! The rows of the log among the records of the node. Of each event there are two: under its number, for
//! those who read, and under its kind and the database's name, to find the former number by. All rows of
//! a round are written together or not at all.

use std::collections::HashMap;

use refuge_http::{DatabaseUpdate, DatabaseUpdateKind, DatabaseUpdatesRequest};
use refuge_storage::{NodeRange, NodeWrite, Operation, StorageError, Store};
use serde::{Deserialize, Serialize};

/// Key of the newest number.
const LAST: &str = "database-updates";
/// What the keys of numbers begin with.
const NUMBERS: &str = "database-update/";
/// The version of the rows: JSON.
const VERSION: u64 = 1;
/// Rows read at once, so that little is in memory.
pub(super) const ROWS_AT_ONCE: usize = 500;

/// Something that happened to a database, not yet numbered.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Happened {
    /// What.
    pub kind: DatabaseUpdateKind,
    /// To which database.
    pub name: String,
}

/// Why rows cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowsError {
    /// They cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A row that this version does not write.
    #[error("the record {key:?} of the node cannot be read: {reason}")]
    Row {
        /// Its key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
struct LastRow {
    version: u64,
    last: u64,
}

#[derive(Serialize, Deserialize)]
struct NumberRow {
    version: u64,
    kind: String,
    name: String,
}

/// The row under a kind and a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NameRow {
    version: u64,
    /// The number under which the event is told.
    pub(super) number: u64,
    /// Which database of that name: another one after it was removed and made again.
    pub(super) instance: Option<String>,
    /// Its update sequence when the event was written: changes up to there are told.
    pub(super) sequence: u64,
}

/// Twenty digits hold every number, and keys are in the order of their numbers.
fn number_key(number: u64) -> String {
    format!("{NUMBERS}{number:020}")
}

/// What the keys of a kind begin with; a name is behind it.
pub(super) fn names_prefix(kind: DatabaseUpdateKind) -> String {
    format!("database-{}/", kind.text())
}

/// Reads a row of a known version.
pub(super) fn read<T: for<'a> Deserialize<'a>>(key: &str, row: &[u8]) -> Result<T, RowsError> {
    let unreadable = |reason: String| RowsError::Row { key: key.to_owned(), reason };
    let value: serde_json::Value =
        serde_json::from_slice(row).map_err(|error| unreadable(error.to_string()))?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(VERSION) {
        return Err(unreadable(format!("its version is {version:?}, {VERSION} is known")));
    }
    serde_json::from_value(value).map_err(|error| unreadable(error.to_string()))
}

fn written(key: String, row: &impl Serialize) -> Result<NodeWrite, RowsError> {
    let value = serde_json::to_vec(row)
        .map_err(|error| RowsError::Row { key: key.clone(), reason: error.to_string() })?;
    Ok(NodeWrite { key, value: Some(value) })
}

/// The number of the newest update.
pub(super) fn last(store: &Store) -> Result<u64, RowsError> {
    match store.node(LAST)? {
        None => Ok(0),
        Some(row) => Ok(read::<LastRow>(LAST, &row)?.last),
    }
}

/// Which database has a name now, and its update sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Present {
    pub(super) instance: Option<String>,
    pub(super) sequence: u64,
}

fn present(store: &Store, name: &str) -> Result<Present, StorageError> {
    let snapshot = store.snapshot()?;
    let Some(record) = snapshot.database(name)? else { return Ok(Present::default()) };
    let sequence = snapshot.update_sequence(record.id)?;
    Ok(Present { instance: Some(crate::hexadecimal(&record.instance)), sequence })
}

/// What is to be written for events behind the number `last`, and the newest number then. Of events that
/// are the same the last one counts.
pub(super) fn writes(
    store: &Store,
    mut last: u64,
    happened: Vec<Happened>,
) -> Result<(Operation, u64), RowsError> {
    let newest: HashMap<Happened, usize> =
        happened.iter().cloned().enumerate().map(|(place, event)| (event, place)).collect();
    let mut writes = Vec::with_capacity(newest.len() * 3 + 1);
    for (place, event) in happened.iter().enumerate() {
        if newest.get(event) != Some(&place) {
            continue;
        }
        let Happened { kind, name } = event;
        last += 1;
        let name_key = format!("{}{name}", names_prefix(*kind));
        if let Some(former) = store.node(&name_key)? {
            let former: NameRow = read(&name_key, &former)?;
            writes.push(NodeWrite { key: number_key(former.number), value: None });
        }
        let kind = kind.text().to_owned();
        let number_row = NumberRow { version: VERSION, kind, name: name.clone() };
        writes.push(written(number_key(last), &number_row)?);
        let Present { instance, sequence } = present(store, name)?;
        let name_row = NameRow { version: VERSION, number: last, instance, sequence };
        writes.push(written(name_key, &name_row)?);
    }
    writes.push(written(LAST.to_owned(), &LastRow { version: VERSION, last })?);
    Ok((Operation::NodeRecords { writes }, last))
}

/// A page of updates.
pub(super) fn page(
    store: &Store,
    request: DatabaseUpdatesRequest,
) -> Result<Vec<DatabaseUpdate>, RowsError> {
    let key = number_key(request.after);
    let limit = request.limit.min(ROWS_AT_ONCE);
    let rows = if request.descending {
        store.node_range_descending(NUMBERS, Some(&key), limit)?
    } else {
        store.node_range(&NodeRange { prefix: NUMBERS, after: Some(&key), limit })?
    };
    rows.iter().map(|(key, row)| update(key, row)).collect()
}

fn update(key: &str, row: &[u8]) -> Result<DatabaseUpdate, RowsError> {
    let NumberRow { kind, name, .. } = read(key, row)?;
    let number = key.get(NUMBERS.len()..).and_then(|digits| digits.parse().ok());
    let kind = DatabaseUpdateKind::ALL.into_iter().find(|known| known.text() == kind);
    match (number, kind) {
        (Some(number), Some(kind)) => Ok(DatabaseUpdate { number, kind, name }),
        _ => {
            let reason = "it names no event".to_owned();
            Err(RowsError::Row { key: key.to_owned(), reason })
        }
    }
}
