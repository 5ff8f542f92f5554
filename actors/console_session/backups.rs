//! Backups: a snapshot of the storage is read on a thread of its own, a few blocks ahead of the session that
//! sends them. The board of tasks shows it as long as it runs, since it keeps old data alive.

use std::time::Duration;

use ractor::ActorCell;
use refuge_console::{BackupStream, ControlError};
use refuge_otp::Names;
use refuge_storage::{Backup, DatabaseRecord, Snapshot, StorageError, Store};
use serde_json::{Map, json};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Sender, channel};

use super::control::unavailable;
use crate::engine::StorageDoors;
use crate::node_service::{report, with_store};
use crate::{names, task_board};

/// Blocks that are read ahead: a few MiB.
const AHEAD: usize = 4;
/// Blocks between two notes on the board.
const NOTED: u64 = 64;
/// How often is looked whether there is room for a block, and whether the storage is still the same.
const LOOK: Duration = Duration::from_millis(20);

/// A snapshot, and what it is of.
struct Begun {
    snapshot: Snapshot,
    only: Option<Vec<DatabaseRecord>>,
    about_bytes: u64,
}

/// Begins a backup of these databases, or of everything where none is named.
pub(super) async fn begin(
    names: &Names,
    owner: &ActorCell,
    databases: Vec<String>,
) -> Result<BackupStream, ControlError> {
    let wanted = databases.clone();
    let opened = with_store(names, move |store| open(store, &wanted)).await.map_err(unavailable)?;
    let Begun { snapshot, only, about_bytes } = opened.map_err(ControlError::NoDatabase)?;
    let about = json!({
        "version": report::version(names),
        "databases": only.is_some().then_some(&databases),
        "about_bytes": about_bytes,
    });
    let (sender, blocks) = channel(AHEAD);
    let told = Told { names: names.clone(), owner: owner.clone(), databases };
    let read = move || told.read(snapshot.backup(only), &sender);
    let thread = std::thread::Builder::new().name("backup".to_owned()).spawn(read);
    thread.map_err(|error| ControlError::Unavailable(error.to_string()))?;
    Ok(BackupStream { about, blocks })
}

/// One that is not there is named.
fn open(store: &Store, databases: &[String]) -> Result<Result<Begun, String>, StorageError> {
    let snapshot = store.snapshot()?;
    let mut records = Vec::with_capacity(databases.len());
    for name in databases {
        match snapshot.database(name)? {
            Some(record) => records.push(record),
            None => return Ok(Err(name.clone())),
        }
    }
    let only = (!records.is_empty()).then_some(records);
    Ok(Ok(Begun { snapshot, only, about_bytes: store.disk_bytes()? }))
}

/// How a backup is told of while it runs.
struct Told {
    names: Names,
    owner: ActorCell,
    databases: Vec<String>,
}

impl Told {
    /// Reads to the end, or until nobody takes the blocks any more.
    fn read(&self, backup: Backup, sender: &Sender<Result<Vec<u8>, String>>) {
        let key = format!("backup/{}", self.owner.get_id());
        let read = self.blocks(backup, &key, sender);
        task_board::remove(&self.names, &key);
        if let Err(reason) = read {
            // The snapshot is let go by now, so this may wait for who takes the blocks.
            let _ = sender.blocking_send(Err(reason));
        }
    }

    /// The blocks one after the other; why they break off.
    fn blocks(
        &self,
        mut backup: Backup,
        key: &str,
        sender: &Sender<Result<Vec<u8>, String>>,
    ) -> Result<(), String> {
        let (mut blocks, mut bytes) = (0_u64, 0_u64);
        loop {
            if blocks.is_multiple_of(NOTED) {
                task_board::put(&self.names, &self.owner, key, self.task(bytes));
            }
            self.goes_on()?;
            let block = backup.next_block().map_err(|error| error.to_string())?;
            let Some(block) = block else { return Ok(()) };
            if block.rows == 0 {
                // Rows of other databases alone.
                if sender.is_closed() {
                    return Ok(());
                }
                continue;
            }
            blocks += 1;
            bytes += block.bytes.len() as u64;
            if !self.put(block.bytes, sender)? {
                return Ok(());
            }
        }
    }

    /// Puts a block where it is taken from, once there is room; whether anybody takes blocks still.
    fn put(
        &self,
        block: Vec<u8>,
        sender: &Sender<Result<Vec<u8>, String>>,
    ) -> Result<bool, String> {
        let mut block = Ok(block);
        loop {
            match sender.try_send(block) {
                Ok(()) => return Ok(true),
                Err(TrySendError::Closed(_)) => return Ok(false),
                Err(TrySendError::Full(back)) => block = back,
            }
            std::thread::sleep(LOOK);
            self.goes_on()?;
        }
    }

    /// An engine that is opened anew waits for its readers: then the backup breaks off.
    fn goes_on(&self) -> Result<(), String> {
        match self.names.value::<StorageDoors>(names::ENGINE) {
            Some(_) => Ok(()),
            None => Err("the storage is being restarted: begin again".to_owned()),
        }
    }

    fn task(&self, bytes: u64) -> Map<String, serde_json::Value> {
        let task = json!({"type": "backup", "databases": self.databases, "bytes_read": bytes});
        match task {
            serde_json::Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}
