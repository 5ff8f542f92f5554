//! The rows of introductions among the records of the node: what was made, with its bytes as they were
//! signed, and the serials that were heard.

use std::collections::{BTreeMap, HashMap};

use refuge_mesh::{NodeId, Statement};
use refuge_storage::{StorageError, Store};
use serde_json::{Value, json};

/// What the keys of those that were made begin with; audience and subject follow.
const MADE: &str = "introduction/made/";
/// What the keys of those that were heard begin with; issuer and subject follow.
const HEARD: &str = "introduction/heard/";
/// The version of both.
const VERSION: u64 = 1;

/// What was heard of one subject by one issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    /// The highest serial.
    pub(super) serial: u64,
    /// Whether an admin said what becomes of it.
    pub(super) decided: bool,
    /// Whether what follows from it was done.
    pub(super) done: bool,
    /// When it was stated, in milliseconds since 1970.
    pub(super) issued_ms: u64,
}

/// Why rows cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowsError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A row that this version does not write.
    #[error("the record {0:?} of the node cannot be read")]
    Row(String),
}

pub(super) fn made_key((audience, subject): (NodeId, NodeId)) -> String {
    format!("{MADE}{audience}/{subject}")
}

pub(super) fn heard_key((issuer, subject): (NodeId, NodeId)) -> String {
    format!("{HEARD}{issuer}/{subject}")
}

pub(super) fn made_row(statement: &Statement) -> Vec<u8> {
    json!({ "version": VERSION, "statement": statement.to_json() }).to_string().into_bytes()
}

pub(super) fn heard_row(heard: Heard) -> Vec<u8> {
    let Heard { serial, decided, done, issued_ms } = heard;
    let row = json!({
        "version": VERSION, "serial": serial, "decided": decided, "done": done, "issued": issued_ms,
    });
    row.to_string().into_bytes()
}

/// Those that were made, by audience and subject.
pub(super) fn made(store: &Store) -> Result<BTreeMap<(NodeId, NodeId), Statement>, RowsError> {
    let read = |(key, row): (String, Vec<u8>)| {
        let value = value(&row);
        let value = value.and_then(|value| Statement::from_json(value.get("statement")?).ok());
        let pair = pair(&key, MADE);
        pair.zip(value).ok_or(RowsError::Row(key))
    };
    store.node_records(MADE)?.into_iter().map(read).collect()
}

/// Those that were heard, by issuer and subject.
pub(super) fn heard(store: &Store) -> Result<HashMap<(NodeId, NodeId), Heard>, RowsError> {
    let read = |(key, row): (String, Vec<u8>)| {
        let heard = value(&row).and_then(|value| {
            let (serial, decided) =
                (value.get("serial")?.as_u64()?, value.get("decided")?.as_bool()?);
            // Absent in rows from before they were kept: a serial is the time.
            let done = value.get("done").and_then(Value::as_bool).unwrap_or(true);
            let issued = value.get("issued").and_then(Value::as_u64);
            Some(Heard { serial, decided, done, issued_ms: issued.unwrap_or(serial) })
        });
        pair(&key, HEARD).zip(heard).ok_or(RowsError::Row(key))
    };
    store.node_records(HEARD)?.into_iter().map(read).collect()
}

fn value(row: &[u8]) -> Option<Value> {
    let value: Value = serde_json::from_slice(row).ok()?;
    (value.get("version")?.as_u64()? == VERSION).then_some(value)
}

fn pair(key: &str, prefix: &str) -> Option<(NodeId, NodeId)> {
    let (first, second) = key.strip_prefix(prefix)?.split_once('/')?;
    Some((NodeId::from_canonical(first).ok()?, NodeId::from_canonical(second).ok()?))
}
