//! A compaction that somebody asked for: first the database's garbage leaves, whatever its grace, then
//! the tables are compacted. It runs beside the actor and is on the board of tasks while it does.
//! Source: <https://docs.couchdb.org/en/stable/api/database/compact.html>

use std::sync::Arc;

use ractor::ActorRef;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, GarbagePlace, GarbageRange};
use serde_json::{Map, Value};

use super::{MaintenanceMessage, ROUND_REST};
use crate::engine::StorageDoors;
use crate::{names, task_board};

/// Rows removed at once: as many as hold up the commits for about a millisecond.
const ROWS_AT_ONCE: usize = 500;

/// Published while a database is being compacted.
struct Compacting;

fn published(database: DatabaseId) -> String {
    format!("compaction/{database}")
}

/// Whether a compaction that was asked for is not through.
pub(crate) fn is_compacting(names: &Names, database: DatabaseId) -> bool {
    names.value::<Compacting>(&published(database)).is_some()
}

/// Begins it.
pub(super) fn start(
    names: &Names,
    actor: &ActorRef<MaintenanceMessage>,
    database: DatabaseId,
    name: String,
) {
    let (names, actor) = (names.clone(), actor.clone());
    names.publish(&actor.get_cell(), &published(database), Arc::new(Compacting));
    let task = Compaction { names, actor, database, name, rows: 0 };
    task.tell("garbage");
    crate::task::spawn(async move {
        if let Err(reason) = task.run().await {
            tracing::warn!(%database, reason, "a compaction that was asked for did not end");
        }
    });
}

struct Compaction {
    names: Names,
    actor: ActorRef<MaintenanceMessage>,
    database: DatabaseId,
    name: String,
    /// Rows removed so far.
    rows: u64,
}

impl Drop for Compaction {
    fn drop(&mut self) {
        task_board::remove(&self.names, &self.key());
        self.names.withdraw(&self.actor.get_cell(), &published(self.database));
        // An actor that is gone has forgotten it.
        let _ = self.actor.cast(MaintenanceMessage::Compacted(self.database));
    }
}

impl Compaction {
    fn key(&self) -> String {
        format!("database_compaction/{}", self.database)
    }

    /// Puts on the board how far it is.
    fn tell(&self, phase: &str) {
        let left = self.names.value::<StorageDoors>(names::ENGINE);
        let left = left.and_then(|doors| doors.store.upkeep().ok());
        let left = left.map_or(0, |figures| figures.garbage_rows);
        let total = match phase {
            "garbage" => self.rows + left,
            _ => self.rows,
        };
        // The tables count for half of it.
        let progress = if phase == "garbage" { 50 * self.rows / total.max(1) } else { 50 };
        let members: [(&str, Value); 6] = [
            ("type", "database_compaction".into()),
            ("database", self.name.as_str().into()),
            ("phase", phase.into()),
            ("changes_done", self.rows.into()),
            ("total_changes", total.into()),
            ("progress", progress.into()),
        ];
        let task = Map::from_iter(members.map(|(name, value)| (name.to_owned(), value)));
        task_board::put(&self.names, &self.actor.get_cell(), &self.key(), task);
    }

    async fn run(mut self) -> Result<(), String> {
        let doors = self.names.value::<StorageDoors>(names::ENGINE);
        let doors = doors.ok_or("the storage is being restarted")?;
        // What follows from a removal stands before the place where a look began.
        while self.collect(&doors).await? {
            self.tell("garbage");
        }
        self.tell("tables");
        let store = doors.store.clone();
        let compacted = crate::blocking(move || store.compact_now()).await;
        compacted.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Goes through the database's garbage once; answers whether there was any that could leave.
    async fn collect(&mut self, doors: &StorageDoors) -> Result<bool, String> {
        let mut after: Option<GarbagePlace> = None;
        let before = self.rows;
        loop {
            let range = GarbageRange {
                // However young: the queue ends at what is held, which is noted for later.
                now_unix_ms: crate::now_ms(),
                grace_ms: 0,
                database: Some(self.database),
                after,
                rows: ROWS_AT_ONCE,
            };
            let store = doors.store.clone();
            let look = crate::blocking(move || store.snapshot()?.garbage(&range));
            let due = look.await.map_err(|error| error.to_string())?;
            let mut due = due.map_err(|error| error.to_string())?;
            after = due.next.take();
            let done = doors.writer.collect(due).await.map_err(|error| error.to_string())?;
            super::report::collected(&self.names, done);
            self.rows += done.rows;
            if after.is_none() {
                return Ok(self.rows > before);
            }
            self.tell("garbage");
            tokio::time::sleep(ROUND_REST).await;
        }
    }
}
