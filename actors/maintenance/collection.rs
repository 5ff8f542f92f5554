//! What the collection of garbage tells the board of tasks while something leaves.

use ractor::ActorCell;
use refuge_otp::Names;
use refuge_storage::{Collected, Store};
use serde_json::{Map, Value};

use crate::task_board;

/// Its key on the board.
const TASK: &str = "garbage_collection";

/// The collection of garbage as a task.
pub(super) struct Collection {
    names: Names,
    owner: ActorCell,
    shown: bool,
    /// Rows that left since it rested.
    rows: u64,
    /// Bytes of bodies and attachments that left since it rested.
    bytes: u64,
}

impl Collection {
    /// At rest.
    pub(super) fn of(names: Names, owner: ActorCell) -> Self {
        Self { names, owner, shown: false, rows: 0, bytes: 0 }
    }

    /// A round removed this. One that only put off what is held does not show.
    pub(super) fn removed(&mut self, done: Collected, store: &Store) {
        self.rows += done.rows;
        self.bytes += done.bytes;
        if self.bytes > 0 {
            self.tell("garbage", store);
        }
    }

    /// Rows of deleted databases leave.
    pub(super) fn dropping(&mut self, store: &Store) {
        self.tell("deleted databases", store);
    }

    /// Nothing is due.
    pub(super) fn rest(&mut self) {
        (self.rows, self.bytes) = (0, 0);
        if std::mem::take(&mut self.shown) {
            task_board::remove(&self.names, TASK);
        }
    }

    fn tell(&mut self, phase: &str, store: &Store) {
        self.shown = true;
        let left = store.upkeep().map_or(0, |figures| figures.garbage_rows);
        let total = self.rows.saturating_add(left);
        let members: [(&str, Value); 6] = [
            ("type", "garbage_collection".into()),
            ("phase", phase.into()),
            ("changes_done", self.rows.into()),
            ("total_changes", total.into()),
            ("progress", (100 * self.rows / total.max(1)).into()),
            ("bytes_removed", self.bytes.into()),
        ];
        let task = Map::from_iter(members.map(|(name, value)| (name.to_owned(), value)));
        task_board::put(&self.names, &self.owner, TASK, task);
    }
}
