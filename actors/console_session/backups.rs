//! Backups: a snapshot of the storage is read on a thread of its own, a few blocks ahead of the session that
//! sends them. The board of tasks shows it as long as it runs, since it keeps old data alive. A snapshot that
//! outlives its session is kept by an actor of its own ([`backup_snapshots`](crate::backup_snapshots)).

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorCell;
use refuge_console::{BackupStream, ControlError, SnapshotWish};
use refuge_otp::Names;
use refuge_storage::{Backup, StorageError, Store};
use serde_json::{Map, Value, json};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;

use super::control::unavailable;
use crate::backup_snapshots::{BackupSnapshot, BackupSnapshotsMessage, KEPT_FOR};
use crate::engine::StorageDoors;
use crate::node_service::{report, with_store};
use crate::{names, task_board};

/// Blocks that are read ahead: a few MiB.
const AHEAD: usize = 4;
/// Blocks between two notes on the board.
const NOTED: u64 = 64;
/// How often is looked whether there is room for a block, and whether the storage is still the same.
const LOOK: Duration = Duration::from_millis(20);

/// Bytes of chance in a snapshot's name.
const NAME_BYTES: usize = 16;

/// Begins a backup of these databases, or of everything where none is named, that is read once.
pub(super) async fn begin(
    names: &Names,
    owner: &ActorCell,
    databases: Vec<String>,
) -> Result<BackupStream, ControlError> {
    let snapshot = take(names, databases).await?;
    let about = about(names, &snapshot.databases, snapshot.about_bytes);
    let backup = snapshot.moment.read(None).ok_or(ControlError::Gone)?;
    let told = Told { names: names.clone(), owner: owner.clone(), databases: snapshot.databases };
    read(told, backup, Value::Object(about))
}

/// A snapshot that this session has; it stays for a while when the session ends.
pub(super) struct Held {
    names: Names,
    name: String,
    about: Value,
}

impl Drop for Held {
    fn drop(&mut self) {
        let left = BackupSnapshotsMessage::Left(std::mem::take(&mut self.name));
        // Where nobody keeps snapshots now, this one is gone.
        let _ = self.names.cast(names::BACKUP_SNAPSHOTS, left);
    }
}

impl Held {
    /// Takes a new one, or one that another session had.
    pub(super) async fn take(names: &Names, wish: SnapshotWish) -> Result<Self, ControlError> {
        match wish {
            SnapshotWish::New(databases) => {
                let snapshot = take(names, databases).await?;
                let name = crate::hexadecimal(&rand::random::<[u8; NAME_BYTES]>());
                let (databases, bytes) = (snapshot.databases.clone(), snapshot.about_bytes);
                // Made first: however this ends, the session is told to have left.
                let held = Self::new(names, name.clone(), &databases, bytes);
                ask(names, |reply| BackupSnapshotsMessage::Keep { name, snapshot, reply }).await?;
                Ok(held)
            }
            SnapshotWish::Again(name) => {
                let wanted = name.clone();
                let held = ask(names, |reply| BackupSnapshotsMessage::Hold { name: wanted, reply })
                    .await?;
                let (databases, bytes) = held.ok_or(ControlError::Gone)?;
                Ok(Self::new(names, name, &databases, bytes))
            }
        }
    }

    fn new(names: &Names, name: String, databases: &[String], about_bytes: u64) -> Self {
        let mut about = about(names, databases, about_bytes);
        about.insert("snapshot".to_owned(), name.as_str().into());
        about.insert("kept_seconds".to_owned(), KEPT_FOR.as_secs().into());
        Self { names: names.clone(), name, about: Value::Object(about) }
    }

    /// What is told of it.
    pub(super) fn about(&self) -> Value {
        self.about.clone()
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        self.name.clone()
    }

    /// It is needed no more.
    pub(super) fn let_go(self) {
        let done = BackupSnapshotsMessage::LetGo(self.name.clone());
        let _ = self.names.cast(names::BACKUP_SNAPSHOTS, done);
    }
}

/// Reads a snapshot that the session has.
pub(super) async fn read_held(
    names: &Names,
    owner: &ActorCell,
    (name, about): (String, Value),
    behind: Option<Vec<u8>>,
) -> Result<BackupStream, ControlError> {
    let held = ask(names, |reply| BackupSnapshotsMessage::Read { name, reply }).await?;
    let snapshot = held.ok_or(ControlError::Gone)?;
    let backup = snapshot.moment.read(behind.as_deref()).ok_or(ControlError::Gone)?;
    let told = Told { names: names.clone(), owner: owner.clone(), databases: snapshot.databases };
    read(told, backup, about)
}

async fn ask<R>(
    names: &Names,
    message: impl FnOnce(oneshot::Sender<R>) -> BackupSnapshotsMessage,
) -> Result<R, ControlError> {
    crate::call(names, names::BACKUP_SNAPSHOTS, message).await.map_err(unavailable)
}

async fn take(names: &Names, databases: Vec<String>) -> Result<BackupSnapshot, ControlError> {
    let opened = with_store(names, move |store| open(store, databases)).await;
    opened.map_err(unavailable)?.map_err(ControlError::NoDatabase)
}

/// One that is not there is named.
fn open(
    store: &Store,
    mut databases: Vec<String>,
) -> Result<Result<BackupSnapshot, String>, StorageError> {
    // One that is named twice would be put back twice, and cannot be.
    databases.sort();
    databases.dedup();
    let snapshot = store.snapshot()?;
    let mut records = Vec::with_capacity(databases.len());
    for name in &databases {
        match snapshot.database(name)? {
            Some(record) => records.push(record),
            None => return Ok(Err(name.clone())),
        }
    }
    let only = (!records.is_empty()).then_some(records);
    let moment = Arc::new(snapshot.for_backups(only));
    Ok(Ok(BackupSnapshot { moment, databases, about_bytes: store.disk_bytes()? }))
}

fn about(names: &Names, databases: &[String], about_bytes: u64) -> Map<String, Value> {
    let databases = (!databases.is_empty()).then_some(databases);
    let members = [
        ("version", json!(report::version(names))),
        ("databases", json!(databases)),
        ("about_bytes", json!(about_bytes)),
    ];
    members.into_iter().map(|(member, value)| (member.to_owned(), value)).collect()
}

/// Reads on a thread of its own.
fn read(told: Told, backup: Backup, about: Value) -> Result<BackupStream, ControlError> {
    let (sender, blocks) = channel(AHEAD);
    let read = move || told.read(backup, &sender);
    let thread = std::thread::Builder::new().name("backup".to_owned()).spawn(read);
    thread.map_err(|error| ControlError::Unavailable(error.to_string()))?;
    Ok(BackupStream { about, blocks })
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

    fn task(&self, bytes: u64) -> Map<String, Value> {
        let task = json!({"type": "backup", "databases": self.databases, "bytes_read": bytes});
        match task {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}
