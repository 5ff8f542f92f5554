//! Whom an admin refused: kept on disk, so that no friend's word brings a node back, after a restart either.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use refuge_http::Failure;
use refuge_mesh::{NodeId, Rejections};
use refuge_otp::Names;
use refuge_storage::{NodeWrite, Operation, Store};
use serde_json::{Value, json};

use super::{PairingBoard, PairingState};
use crate::engine::StorageDoors;
use crate::{names, unavailable};

/// What the keys of their rows begin with; the id follows.
const PREFIX: &str = "mesh/rejected/";
/// The version of a row.
const VERSION: u64 = 1;

/// Whoever hears introductions looks at them.
pub(super) type SharedRejections = Arc<Mutex<Rejections>>;

/// Whether an admin refused a node, and none trusted it since; nobody knows while pairing is being restarted.
pub(crate) fn is_rejected(names: &Names, id: &NodeId) -> Option<bool> {
    let board = names.value::<PairingBoard>(names::PAIRING)?;
    let rejections = board.rejections.lock().unwrap_or_else(PoisonError::into_inner);
    Some(rejections.contains(id))
}

/// Those that were refused before this start.
pub(super) fn load(store: &Store) -> Result<Rejections, Box<dyn std::error::Error + Send + Sync>> {
    let mut kept = Vec::new();
    for (key, row) in store.node_records(PREFIX)? {
        let read = read(&key, &row);
        kept.push(read.ok_or_else(|| format!("the record {key:?} of the node cannot be read"))?);
    }
    Ok(Rejections::kept(kept))
}

fn read(key: &str, row: &[u8]) -> Option<(NodeId, u64)> {
    let id = NodeId::from_canonical(key.strip_prefix(PREFIX)?).ok()?;
    let value: Value = serde_json::from_slice(row).ok()?;
    let is_known = value.get("version")?.as_u64()? == VERSION;
    Some((id, value.get("at")?.as_u64()?)).filter(|_| is_known)
}

fn write(id: &NodeId, at_ms: Option<u64>) -> NodeWrite {
    let row = |at_ms| json!({ "version": VERSION, "at": at_ms }).to_string().into_bytes();
    NodeWrite { key: format!("{PREFIX}{id}"), value: at_ms.map(row) }
}

impl PairingState {
    /// Returns when it is on disk that an admin refused these nodes.
    pub(super) async fn keep_rejected(&self, ids: &[NodeId]) -> Result<(), Failure> {
        let now_ms = crate::now_ms();
        let mut writes: Vec<_> = ids.iter().map(|id| write(id, Some(now_ms))).collect();
        {
            let mut rejections = self.rejections();
            let forgotten = ids.iter().filter_map(|id| rejections.reject(now_ms, *id));
            writes.extend(forgotten.map(|id| write(&id, None)));
        }
        self.write_rejections(writes).await
    }

    /// An admin trusts a node: what was said of it before is over.
    pub(super) async fn trusted(&self, id: &NodeId) {
        let was_rejected = self.rejections().lift(id);
        if !was_rejected {
            return;
        }
        if let Err(failure) = self.write_rejections(vec![write(id, None)]).await {
            // At worst an admin is asked once more, should it be a stranger again.
            tracing::warn!(peer = %id, %failure, "a lifted rejection was not taken from the disk");
        }
    }

    async fn write_rejections(&self, writes: Vec<NodeWrite>) -> Result<(), Failure> {
        if writes.is_empty() {
            return Ok(());
        }
        let doors = self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        doors.writer.commit(Operation::NodeRecords { writes }).await?;
        Ok(())
    }

    pub(super) fn rejections(&self) -> MutexGuard<'_, Rejections> {
        self.rejections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of a node that an admin means and that does not ask.
    pub(super) fn does_not_ask(&self, node: &str) -> Failure {
        let rejected = self.rejections().meant(node);
        Failure::NotFound(rejected.map_or_else(
            || format!("no node {node:?} asks: `refuge peer pending` shows those that do"),
            |id| {
                format!(
                    "node {id} does not ask: it was rejected here, and `refuge peer add {id}` trusts it \
                     all the same"
                )
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rejection_is_read_as_it_was_written() {
        let id = NodeId::from_digest([7; 32]);
        let NodeWrite { key, value } = write(&id, Some(5));
        assert_eq!(read(&key, &value.expect("a row")), Some((id, 5)));
        assert!(write(&id, None).value.is_none());
        for wrong in ["", "{}", r#"{"version": 2, "at": 5}"#] {
            assert_eq!(read(&key, wrong.as_bytes()), None, "{wrong}");
        }
    }
}
