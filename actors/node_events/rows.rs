//! The rows of the node events among the records of the node.

use refuge_mesh::NodeEvent;
use refuge_storage::{NodeRange, Operation, StorageError, Store};
use serde_json::{Value, json};

use super::ledger::{Counters, Ledger, Step};

/// Key of the counters.
const COUNTERS: &str = "events";
/// What the keys of events begin with.
const PREFIX: &str = "event/";
/// The version of the rows: JSON, an event as it is told to clients.
const VERSION: u64 = 1;
/// Rows read at once, so that little is in memory.
const ROWS_AT_ONCE: usize = 1_000;

/// Why rows cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowsError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A row that this version does not write.
    #[error("the record {key:?} of the node cannot be read: {reason}")]
    Row { key: String, reason: String },
}

fn unreadable(key: &str, reason: impl ToString) -> RowsError {
    RowsError::Row { key: key.to_owned(), reason: reason.to_string() }
}

/// Twenty digits hold every number, and keys are in the order of their numbers.
fn key(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}

/// The ledger as it is stored.
pub(super) fn ledger(store: &Store, limit: usize) -> Result<Ledger, RowsError> {
    let counters = match store.node(COUNTERS)? {
        Some(row) => counters(&row).map_err(|reason| unreadable(COUNTERS, reason))?,
        None => Counters::default(),
    };
    let mut kept = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let range = NodeRange { prefix: PREFIX, after: after.as_deref(), limit: ROWS_AT_ONCE };
        let rows = store.node_range(&range)?;
        for (key, _) in &rows {
            let number = key.get(PREFIX.len()..).and_then(|digits| digits.parse().ok());
            kept.push(number.ok_or_else(|| unreadable(key, "its key holds no number"))?);
        }
        match rows.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok(Ledger::new(counters, kept, limit)),
        }
    }
}

/// The events behind a number, the oldest first.
pub(super) fn page(store: &Store, after: u64, limit: usize) -> Result<Vec<NodeEvent>, RowsError> {
    let after = key(after);
    let range = NodeRange { prefix: PREFIX, after: Some(&after), limit: limit.min(ROWS_AT_ONCE) };
    let rows = store.node_range(&range)?;
    rows.iter().map(|(key, row)| event(row).map_err(|reason| unreadable(key, reason))).collect()
}

/// What is written for one more event, in order.
pub(super) fn operations(step: &Step, event: &NodeEvent) -> Vec<Operation> {
    let row = |key: String, value: Value| Operation::Node {
        key,
        value: Some(value.to_string().into_bytes()),
    };
    let counters = step.counters.map(|counters| {
        row(COUNTERS.to_owned(), json!({"version": VERSION, "counters": counters}))
    });
    let event = row(key(step.number), json!({"version": VERSION, "event": event.to_json()}));
    let dropped = step.drop.map(|number| Operation::Node { key: key(number), value: None });
    counters.into_iter().chain([event]).chain(dropped).collect()
}

fn counters(row: &[u8]) -> Result<Counters, String> {
    serde_json::from_value(member(row, "counters")?).map_err(|error| error.to_string())
}

fn event(row: &[u8]) -> Result<NodeEvent, String> {
    NodeEvent::from_json(&member(row, "event")?).map_err(|error| error.to_string())
}

fn member(row: &[u8], name: &str) -> Result<Value, String> {
    let mut row: Value = serde_json::from_slice(row).map_err(|error| error.to_string())?;
    match row.get("version").and_then(Value::as_u64) {
        Some(VERSION) => {}
        other => return Err(format!("its version is {other:?}, {VERSION} is known")),
    }
    row.get_mut(name).map(Value::take).ok_or_else(|| format!("it has no {name}"))
}
