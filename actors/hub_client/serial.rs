//! The serial of this node's statements of where it is. The last one is on disk before it is used: a hub refuses a
//! lower one, and the clock may be set back while the node is down.

use refuge_mesh::next_serial;
use refuge_otp::Names;
use refuge_storage::Operation;
use serde_json::{Value, json};

use crate::engine::StorageDoors;
use crate::{names, published};

/// The key of its row among the records of the node.
const KEY: &str = "hub/serial";
const VERSION: u64 = 1;

/// A serial that none of this node's was before, for a statement that is signed now.
pub(super) async fn take(names: &Names, now_ms: u64) -> Result<u64, String> {
    let doors = published::<StorageDoors>(names, names::ENGINE).await;
    let doors = doors.map_err(|failure| failure.to_string())?;
    let store = doors.store.clone();
    let row = crate::blocking(move || store.node(KEY)).await.map_err(|error| error.to_string())?;
    let row = row.map_err(|error| error.to_string())?;
    let last = row.as_deref().map(read);
    if last == Some(None) {
        tracing::error!(key = KEY, "a record of the node cannot be read: it is written anew");
    }
    let serial = next_serial(last.flatten(), now_ms);
    let value = json!({ "version": VERSION, "serial": serial }).to_string().into_bytes();
    let write = Operation::Node { key: KEY.to_owned(), value: Some(value) };
    doors.writer.commit(write).await.map_err(|failure| failure.to_string())?;
    Ok(serial)
}

fn read(row: &[u8]) -> Option<u64> {
    let row: Value = serde_json::from_slice(row).ok()?;
    if row.get("version")?.as_u64()? != VERSION {
        return None;
    }
    row.get("serial")?.as_u64()
}

#[cfg(test)]
mod tests {
    use ractor::Actor;
    use refuge_storage::Options;

    use super::*;
    use crate::engine::{EngineActor, EngineArguments};

    #[tokio::test]
    async fn serials_grow_over_a_restart_with_a_clock_that_was_set_back() {
        let (names, root) = (Names::new("test"), tempfile::tempdir().unwrap());
        let options = Options::new(root.path().join("data"));
        let arguments = EngineArguments { names: names.clone(), options };
        let (engine, ended) = Actor::spawn(None, EngineActor, arguments.clone()).await.unwrap();
        assert_eq!(take(&names, 1_000).await, Ok(1_000));
        engine.stop(None);
        ended.await.unwrap();
        let _engine = Actor::spawn(None, EngineActor, arguments).await.unwrap();
        assert_eq!(take(&names, 400).await, Ok(1_001));
        assert_eq!(take(&names, 2_000).await, Ok(2_000));
    }
}
