//! Keeps the snapshots of backups that may be gone on with: as long as a session makes one of them, and for a
//! while after a session that broke off, so that the same command goes on where it was. A snapshot costs
//! disk: tables that merges replaced stay until it goes. The board of tasks shows those that wait.
//!
//! Called by: sessions of the console. It is started and stopped together with the engine, whose directory
//! the snapshots hold; a restart loses them, and backups begin anew.

mod kept;

use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_otp::Names;
use refuge_storage::BackupMoment;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::task_board;
use kept::{Kept, Leaving};

/// So long a snapshot waits for somebody who goes on: for a disk to be emptied, a machine to be reached
/// again. While it waits, what is deleted gives no disk back.
pub const KEPT_FOR: Duration = Duration::from_secs(600);
/// So many wait at most, the oldest leaves: a command that always breaks off must not fill the disk.
pub const MOST_WAITING: usize = 2;

/// A snapshot and what it is of.
#[derive(Clone)]
pub struct BackupSnapshot {
    /// What backups are read from.
    pub moment: Arc<BackupMoment>,
    /// The databases it is of; none for everything.
    pub databases: Vec<String>,
    /// Bytes of disk, about.
    pub about_bytes: u64,
}

/// Messages of the actor. A snapshot's name is made by chance, at least 128 bits of it.
pub enum BackupSnapshotsMessage {
    /// A session has taken a new one.
    Keep {
        /// Its name.
        name: String,
        /// The snapshot.
        snapshot: BackupSnapshot,
        /// Answered when it is kept.
        reply: oneshot::Sender<()>,
    },
    /// A session wants to go on with one: what it is of, without what it holds.
    Hold {
        /// Its name.
        name: String,
        /// The databases and the bytes; none where it is kept no more.
        reply: oneshot::Sender<Option<(Vec<String>, u64)>>,
    },
    /// A session that has one reads from it.
    Read {
        /// Its name.
        name: String,
        /// The snapshot; none where it is kept no more.
        reply: oneshot::Sender<Option<BackupSnapshot>>,
    },
    /// A session that had one ended.
    Left(String),
    /// Its backup is whole.
    LetGo(String),
    /// Time may be over for one.
    Look,
}

/// The actor.
#[derive(Default)]
pub struct BackupSnapshotsActor;

/// The snapshots.
pub struct BackupSnapshotsState {
    names: Names,
    myself: ActorRef<BackupSnapshotsMessage>,
    kept: Kept<BackupSnapshot>,
}

impl Actor for BackupSnapshotsActor {
    type Msg = BackupSnapshotsMessage;
    type State = BackupSnapshotsState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let kept = Kept::new(KEPT_FOR, MOST_WAITING);
        Ok(BackupSnapshotsState { names, myself, kept })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        // Whoever no longer waits for an answer does not mind.
        match message {
            BackupSnapshotsMessage::Keep { name, snapshot, reply } => {
                state.kept.keep(name, snapshot);
                let _ = reply.send(());
            }
            BackupSnapshotsMessage::Hold { name, reply } => state.hold(&name, reply),
            BackupSnapshotsMessage::Read { name, reply } => {
                let _ = reply.send(state.kept.get(&name).cloned());
            }
            BackupSnapshotsMessage::Left(name) => state.left(&name),
            BackupSnapshotsMessage::LetGo(name) => {
                let leaving = state.kept.remove(&name).into_iter().collect();
                state.let_go(leaving);
            }
            BackupSnapshotsMessage::Look => {
                let leaving = state.kept.expire(Instant::now());
                state.let_go(leaving);
            }
        }
        Ok(())
    }
}

impl BackupSnapshotsState {
    fn hold(&mut self, name: &str, reply: oneshot::Sender<Option<(Vec<String>, u64)>>) {
        let held = self.kept.hold(name);
        let told = held.map(|snapshot| (snapshot.databases.clone(), snapshot.about_bytes));
        task_board::remove(&self.names, &key(name));
        if let Err(Some(_)) = reply.send(told) {
            // The session ended meanwhile.
            self.left(name);
        }
    }

    /// The last session that had it ended: it waits.
    fn left(&mut self, name: &str) {
        let leaving = self.kept.left(name, Instant::now());
        if let Some(snapshot) = self.kept.waiting(name) {
            let task = task(snapshot);
            task_board::put(&self.names, &self.myself.get_cell(), &key(name), task);
            self.myself.send_after(KEPT_FOR, || BackupSnapshotsMessage::Look);
        }
        self.let_go(leaving);
    }

    /// Tables may be removed with them.
    fn let_go(&self, leaving: Vec<Leaving<BackupSnapshot>>) {
        for Leaving { name, .. } in &leaving {
            task_board::remove(&self.names, &key(name));
        }
        if !leaving.is_empty() {
            crate::blocking::aside(move || drop(leaving));
        }
    }
}

/// Its key on the board of tasks, which need not tell all of its name.
fn key(name: &str) -> String {
    format!("backup/kept-{}", name.get(..8).unwrap_or(name))
}

fn task(snapshot: &BackupSnapshot) -> Map<String, Value> {
    let until = (crate::now_ms() / 1000).saturating_add(KEPT_FOR.as_secs());
    let task = json!({
        "type": "backup",
        "databases": snapshot.databases,
        "process_status": "waiting",
        "kept_until": until,
    });
    match task {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
