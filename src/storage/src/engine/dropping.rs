//! Rows of deleted databases leave in small batches between commits. Nothing here is synced: what
//! a crash brings back is found again by the record that says "dropping".

use std::collections::VecDeque;
use std::ops::Bound;
use std::sync::atomic::Ordering;

use fjall::{OwnedWriteBatch, PersistMode, Readable, UserKey};
use refuge_failpoints::{Failpoint, pass};

use crate::database::DatabaseId;
use crate::engine::Engine;
use crate::error::{CommitError, OpenError};
use crate::keys::{self, RegistryKey};
use crate::keyspaces::Keyspaces;

/// What a removed row is taken to give back, until the tables are counted.
const ROW_BYTES: u64 = 512;
/// The same for a chunk of an attachment.
const CHUNK_ROW_BYTES: u64 = 128 * 1024;

/// Databases whose rows have to leave, and how far that has come.
#[derive(Default)]
pub(super) struct Dropping {
    databases: VecDeque<DatabaseId>,
    /// For the first of them: which keyspace, and the last key removed there. Going on behind it
    /// spares a walk over fresh tombstones.
    keyspace: usize,
    last: Option<UserKey>,
}

impl Dropping {
    /// Finds the databases that an earlier run had not finished dropping.
    pub(super) fn load(keyspaces: &Keyspaces) -> Result<Self, OpenError> {
        let mut dropping = Self::default();
        for guard in keyspaces.databases.prefix([RegistryKey::Dropping as u8]) {
            let key = guard.key()?;
            if let Some(number) = key.last_chunk::<4>() {
                dropping.add(DatabaseId(u32::from_be_bytes(*number)));
            }
        }
        Ok(dropping)
    }

    pub(super) fn add(&mut self, database: DatabaseId) {
        self.databases.push_back(database);
    }

    fn next_keyspace(&mut self) {
        self.keyspace += 1;
        self.last = None;
    }

    fn next_database(&mut self) {
        self.databases.pop_front();
        self.keyspace = 0;
        self.last = None;
    }
}

impl Engine {
    /// Removes at most `limit` rows (at least one) of deleted databases, without a sync; answers whether there
    /// is more to remove. To be called between commits.
    ///
    /// # Errors
    /// [`CommitError`], as [`Engine::commit`].
    pub fn drop_rows(&mut self, limit: usize) -> Result<bool, CommitError> {
        if self.dropping.databases.is_empty() {
            return Ok(false);
        }
        self.guarded(|engine| {
            engine.drop_some(limit.max(1))?;
            Ok(!engine.dropping.databases.is_empty())
        })
    }

    fn drop_some(&mut self, limit: usize) -> Result<(), CommitError> {
        let Some(&database) = self.dropping.databases.front() else {
            return Ok(());
        };
        let mut batch = OwnedWriteBatch::with_capacity(self.shared.database.clone(), limit)
            .durability(Some(PersistMode::Buffer));
        while batch.len() < limit {
            let room = limit - batch.len();
            if !self.drop_from_keyspace(database, &mut batch, room)? {
                let key = keys::registry_key(RegistryKey::Dropping, database);
                batch.remove(&self.shared.keyspaces.databases, key);
                self.dropping.next_database();
                break;
            }
        }
        pass(Failpoint::DropBegins);
        self.shared.commit(batch)?;
        pass(Failpoint::DropEnd);
        Ok(())
    }

    /// Removes rows of the present keyspace; `false` when the last one is through.
    fn drop_from_keyspace(
        &mut self,
        database: DatabaseId,
        batch: &mut OwnedWriteBatch,
        room: usize,
    ) -> Result<bool, CommitError> {
        let keyspaces = self.shared.keyspaces.of_databases();
        let Some(keyspace) = keyspaces.get(self.dropping.keyspace) else {
            return Ok(false);
        };
        let low = match &self.dropping.last {
            Some(last) => Bound::Excluded(last.to_vec()),
            None => Bound::Included(keys::database_prefix(database).to_vec()),
        };
        let next = DatabaseId(database.0.saturating_add(1));
        let high = Bound::Excluded(keys::database_prefix(next).to_vec());
        let written_once = self.shared.keyspaces.is_written_once(keyspace);
        let mut removed = 0;
        let view = self.shared.database.snapshot();
        for guard in view.range(*keyspace, (low, high)).take(room) {
            let key = guard.key()?;
            if written_once {
                batch.remove_weak(keyspace, key.clone());
            } else {
                batch.remove(keyspace, key.clone());
            }
            self.dropping.last = Some(key);
            removed += 1;
        }
        let row_bytes =
            if *keyspace == &self.shared.keyspaces.chunks { CHUNK_ROW_BYTES } else { ROW_BYTES };
        self.shared.unsealed.fetch_add(removed as u64 * row_bytes, Ordering::Relaxed);
        if removed < room {
            self.dropping.next_keyspace();
        }
        Ok(true)
    }
}
