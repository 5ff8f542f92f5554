//! The rows of messages among the records of the node: those that wait, by the node that they are for
//! and in the order in which they were sent, and those that came, by their numbers. One that cannot be read
//! is told in the log and passed over: it is no reason to lose the others.

use refuge_mesh::{Message, MessageId, NodeId};
use refuge_storage::{NodeRange, NodeWrite, StorageError, Store};
use serde_json::{Map, Value, json};

/// What the keys of those that wait begin with; the node and a number follow.
const WAITING: &str = "message/out/";
/// What the keys of those that came begin with; a number follows.
const RECEIVED: &str = "message/in/";
/// The version of both.
const VERSION: u64 = 1;
/// Rows read at once, so that little is in memory.
const ROWS_AT_ONCE: usize = 100;

/// One that waits.
pub(super) struct WaitingRow {
    pub(super) node: NodeId,
    pub(super) number: u64,
    pub(super) message: Message,
}

/// What is known in memory of one that came.
pub(super) struct Kept {
    pub(super) from: NodeId,
    pub(super) id: MessageId,
    pub(super) application: String,
    pub(super) came_ms: u64,
    /// Of its body.
    pub(super) bytes: usize,
}

/// The number of one that came, and what is known of it where it can be read.
pub(super) type KeptRow = (u64, Option<Kept>);

/// Twenty digits hold every number, and keys are in the order of their numbers.
fn waiting_key(node: &NodeId, number: u64) -> String {
    format!("{WAITING}{node}/{number:020}")
}

fn received_key(number: u64) -> String {
    format!("{RECEIVED}{number:020}")
}

pub(super) fn wait(node: &NodeId, number: u64, message: &Message) -> NodeWrite {
    let row = json!({ "version": VERSION, "message": message.to_stored() });
    NodeWrite { key: waiting_key(node, number), value: Some(row.to_string().into_bytes()) }
}

pub(super) fn wait_no_more(node: &NodeId, number: u64) -> NodeWrite {
    NodeWrite { key: waiting_key(node, number), value: None }
}

pub(super) fn keep(number: u64, (from, came_ms): (&NodeId, u64), message: &Message) -> NodeWrite {
    let row = json!({
        "version": VERSION,
        "from": from.to_string(),
        "came": came_ms,
        "message": message.to_stored(),
    });
    NodeWrite { key: received_key(number), value: Some(row.to_string().into_bytes()) }
}

pub(super) fn keep_no_more(number: u64) -> NodeWrite {
    NodeWrite { key: received_key(number), value: None }
}

/// Those that wait, in order.
pub(super) fn waiting(store: &Store) -> Result<Vec<WaitingRow>, StorageError> {
    let mut waiting = Vec::new();
    walk(store, WAITING, |rest, row| {
        let (node, number) = rest.split_once('/')?;
        let node = NodeId::from_canonical(node).ok()?;
        let (_, message) = message(row)?;
        waiting.push(WaitingRow { node, number: number.parse().ok()?, message });
        Some(())
    })?;
    Ok(waiting)
}

/// Those that came, in order; the number alone of one that cannot be read, since numbers only grow.
pub(super) fn received(store: &Store) -> Result<Vec<KeptRow>, StorageError> {
    let mut received = Vec::new();
    walk(store, RECEIVED, |rest, row| {
        let number = rest.parse().ok()?;
        let kept = kept(row);
        let is_read = kept.is_some();
        received.push((number, kept));
        is_read.then_some(())
    })?;
    Ok(received)
}

fn kept(row: &[u8]) -> Option<Kept> {
    let (members, message) = message(row)?;
    let (from, came_ms) = origin(&members)?;
    let bytes = message.body.len();
    let Message { id, application, .. } = message;
    Some(Kept { from, id, application, came_ms, bytes })
}

/// One that came: from where, when, and what; none where it is not kept any more, or cannot be read.
pub(super) fn read(
    store: &Store,
    number: u64,
) -> Result<Option<(NodeId, u64, Message)>, StorageError> {
    let key = received_key(number);
    let Some(row) = store.node(&key)? else { return Ok(None) };
    let read = message(&row).and_then(|(members, message)| {
        let (from, came_ms) = origin(&members)?;
        Some((from, came_ms, message))
    });
    if read.is_none() {
        tell_unreadable(&key);
    }
    Ok(read)
}

fn tell_unreadable(key: &str) {
    tracing::error!(key, "a message in the records of the node cannot be read: it is passed over");
}

/// Shows each row of a prefix with the rest of its key.
fn walk(
    store: &Store,
    prefix: &str,
    mut show: impl FnMut(&str, &[u8]) -> Option<()>,
) -> Result<(), StorageError> {
    let mut after: Option<String> = None;
    loop {
        let range = NodeRange { prefix, after: after.as_deref(), limit: ROWS_AT_ONCE };
        let rows = store.node_range(&range)?;
        for (key, row) in &rows {
            if key.strip_prefix(prefix).and_then(|rest| show(rest, row)).is_none() {
                tell_unreadable(key);
            }
        }
        match rows.into_iter().last() {
            Some((key, _)) => after = Some(key),
            None => return Ok(()),
        }
    }
}

fn message(row: &[u8]) -> Option<(Map<String, Value>, Message)> {
    let members: Map<String, Value> = serde_json::from_slice(row).ok()?;
    if members.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let message = Message::from_stored(members.get("message")?.as_object()?).ok()?;
    Some((members, message))
}

fn origin(members: &Map<String, Value>) -> Option<(NodeId, u64)> {
    let from = NodeId::from_canonical(members.get("from")?.as_str()?).ok()?;
    Some((from, members.get("came")?.as_u64()?))
}
