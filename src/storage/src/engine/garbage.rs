//! What leaves: bodies that no leaf needs, contents that nothing refers to, uploads that nobody
//! finishes. Everything that may have to leave is noted in one queue at the moment at which that
//! becomes so, in the same batch; nothing is found by scanning. The decision about a content is
//! made here, on the writer's thread, so that no document can come to refer to it meanwhile.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use fjall::{OwnedWriteBatch, PersistMode, UserKey};
use refuge_failpoints::{Failpoint, pass};

use crate::database::DatabaseId;
use crate::engine::Engine;
use crate::engine::group::Group;
use crate::error::{CommitError, OpenError};
use crate::keys::{self, Waste};
use crate::keyspaces::Keyspaces;
use crate::records::{self, ContentRecord, UploadState};
use crate::snapshot::{Due, DueBody, DueGarbage, DueRow};

/// Since when what follows from another removal has been garbage: for ever, so that it waits for
/// nothing.
const AT_ONCE: u64 = 0;

/// When what is still held is looked at again.
const LOOK_AGAIN_MS: u64 = 5_000;

/// When an upload that may be resumed is looked at again, unless it expires earlier.
const RESUMABLE_LOOK_AGAIN_MS: u64 = 10 * 60 * 1000;

/// What a round of the collector did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Rows removed.
    pub rows: u64,
    /// Bytes of bodies and contents that are not needed any more.
    pub bytes: u64,
}

/// Rows of the queue.
pub(super) fn count(keyspaces: &Keyspaces) -> Result<u64, OpenError> {
    let mut rows = 0;
    for guard in keyspaces.garbage.iter() {
        guard.key()?;
        rows += 1;
    }
    Ok(rows)
}

impl Group<'_> {
    /// Notes in the queue that something may have to leave; `id` is the document's, for a body.
    pub(super) fn note_garbage(&mut self, database: DatabaseId, waste: &Waste, id: &str) {
        let key = keys::garbage_key(self.engine.now_unix_ms, database, waste);
        records::encode_garbage(&mut self.row, id);
        let shared = &self.engine.shared;
        self.batch.insert(&shared.keyspaces.garbage, key, self.row.as_slice());
        shared.garbage_rows.fetch_add(1, Ordering::Relaxed);
    }
}

impl Engine {
    /// Tells the engine the time, in milliseconds since 1970: what becomes garbage is noted with
    /// it. It reads no clock of its own.
    pub fn tell_time(&mut self, now_unix_ms: u64) {
        self.now_unix_ms = now_unix_ms;
    }

    /// Removes what a look at the queue found due, without a sync: what a crash brings back is
    /// found again. To be called between commits.
    ///
    /// # Errors
    /// [`CommitError`], as [`Engine::commit`].
    pub fn collect(&mut self, due: DueGarbage) -> Result<Collected, CommitError> {
        if due.is_empty() {
            return Ok(Collected::default());
        }
        self.guarded(|engine| {
            let now = engine.now_unix_ms;
            engine.leases.forget(now);
            let batch = OwnedWriteBatch::with_capacity(engine.shared.database.clone(), 256)
                .durability(Some(PersistMode::Buffer));
            let mut round = Round {
                batch,
                engine,
                done: Collected::default(),
                noted: HashSet::new(),
                seen: Vec::new(),
            };
            for row in due.rows {
                round.take(row)?;
            }
            round.finish()
        })
    }
}

/// One round of the collector.
struct Round<'a> {
    engine: &'a mut Engine,
    batch: OwnedWriteBatch,
    done: Collected,
    /// Keys that this round notes in the queue.
    noted: HashSet<Vec<u8>>,
    /// Keys of the queue that are through. One that was noted again in this round stays.
    seen: Vec<UserKey>,
}

impl Round<'_> {
    fn keyspaces(&self) -> &Keyspaces {
        &self.engine.shared.keyspaces
    }

    fn take(&mut self, row: DueRow) -> Result<(), CommitError> {
        let DueRow { key, database, due } = row;
        // Rows of a deleted database leave on another way.
        let lives = self.engine.lives(database)?;
        match due {
            Due::Body(body) if lives => {
                self.done.bytes += body.bytes;
                self.remove_body(database, body);
                self.seen.push(key);
            }
            Due::Content { content } if lives => self.take_content(key, database, content)?,
            Due::Upload { upload, chunks, all } if lives => {
                if self.take_upload((database, upload), chunks, all)? {
                    self.seen.push(key);
                }
            }
            _ => self.seen.push(key),
        }
        Ok(())
    }

    fn remove_body(&mut self, database: DatabaseId, body: DueBody) {
        let DueBody { sequence, references, expires_ms, .. } = body;
        let keyspaces = &self.engine.shared.keyspaces;
        self.batch.remove_weak(&keyspaces.bodies, keys::sequence_key(database, sequence));
        self.done.rows += 1 + references.len() as u64;
        if let Some(at_ms) = expires_ms {
            let key = keys::expiry_key(at_ms, database, sequence);
            self.batch.remove(&keyspaces.expiries, key);
        }
        for (key, content) in references {
            self.batch.remove(&keyspaces.attachments, key);
            let key = keys::garbage_key(AT_ONCE, database, &Waste::Content(content));
            self.noted.insert(key);
        }
    }

    /// A content leaves when nothing refers to it and nobody holds it: its address at once, its
    /// bytes as those of an upload that was given up.
    fn take_content(
        &mut self,
        key: UserKey,
        database: DatabaseId,
        content: [u8; 32],
    ) -> Result<(), CommitError> {
        let now = self.engine.now_unix_ms;
        let attachments = &self.engine.shared.keyspaces.attachments;
        let references = attachments.prefix(keys::reference_prefix(database, &content));
        let referenced = references.take(1).next().map(fjall::Guard::key).transpose()?.is_some();
        let content_key = keys::content_key(database, &content);
        let row = if referenced { None } else { attachments.get(content_key)? };
        self.seen.push(key);
        let Some(row) = row else {
            return Ok(());
        };
        if self.engine.leases.holds(database, content, now) {
            let then = now + LOOK_AGAIN_MS;
            self.noted.insert(keys::garbage_key(then, database, &Waste::Content(content)));
            return Ok(());
        }
        let record = ContentRecord::decode(&row)?;
        self.batch.remove(attachments, content_key);
        self.done.rows += 1;
        self.done.bytes += record.stored_length;
        self.abandon(database, record.upload);
        Ok(())
    }

    fn abandon(&mut self, database: DatabaseId, upload: [u8; 16]) {
        let attachments = &self.engine.shared.keyspaces.attachments;
        let mut state = Vec::new();
        records::encode_upload(&mut state, &UploadState::Abandoned);
        self.batch.insert(attachments, keys::upload_key(database, &upload), state);
        self.noted.insert(keys::garbage_key(AT_ONCE, database, &Waste::Upload(upload)));
    }

    /// Answers whether the row of the queue is through.
    fn take_upload(
        &mut self,
        (database, upload): (DatabaseId, [u8; 16]),
        chunks: Vec<UserKey>,
        all: bool,
    ) -> Result<bool, CommitError> {
        let now = self.engine.now_unix_ms;
        let key = keys::upload_key(database, &upload);
        match self.engine.upload_state(database, &upload)? {
            None => Ok(true),
            Some(UploadState::Abandoned) => {
                let keyspaces = &self.engine.shared.keyspaces;
                self.done.rows += chunks.len() as u64;
                for chunk in chunks {
                    self.batch.remove(&keyspaces.chunks, chunk);
                }
                if all {
                    self.batch.remove(&keyspaces.attachments, key);
                }
                Ok(all)
            }
            Some(UploadState::Resumable(record)) => {
                let held = self.engine.leases.is_held(database, upload, now);
                if !held && record.expires_unix_ms <= now {
                    self.engine.leases.release_upload(database, upload, None);
                    self.engine.upload_totals.forget(database, &upload);
                    self.abandon(database, upload);
                    return Ok(true);
                }
                let then = record.expires_unix_ms.min(now + RESUMABLE_LOOK_AGAIN_MS);
                let then = then.max(now + LOOK_AGAIN_MS);
                self.noted.insert(keys::garbage_key(then, database, &Waste::Upload(upload)));
                Ok(true)
            }
            Some(UploadState::Open) => {
                match self.engine.leases.open_until(database, upload) {
                    Some(until) if until <= now => {
                        self.engine.leases.end(database, upload);
                        self.abandon(database, upload);
                        return Ok(true);
                    }
                    Some(_) => {}
                    // Begun before a restart: its client may go on with it.
                    None => {
                        self.engine.leases.touch(database, upload, now);
                    }
                }
                let then = now + LOOK_AGAIN_MS;
                self.noted.insert(keys::garbage_key(then, database, &Waste::Upload(upload)));
                Ok(true)
            }
        }
    }

    fn finish(mut self) -> Result<Collected, CommitError> {
        let mut row = Vec::new();
        records::encode_garbage(&mut row, "");
        let garbage = self.keyspaces().garbage.clone();
        let mut left = 0;
        for key in std::mem::take(&mut self.seen) {
            if !self.noted.contains(&*key) {
                left += 1;
                self.batch.remove(&garbage, key);
            }
        }
        self.done.rows += left;
        // About: two rounds may note the same.
        let noted = self.noted.len() as u64;
        let rows = &self.engine.shared.garbage_rows;
        rows.store((rows.load(Ordering::Relaxed) + noted).saturating_sub(left), Ordering::Relaxed);
        for key in std::mem::take(&mut self.noted) {
            self.batch.insert(&garbage, key, row.as_slice());
        }
        pass(Failpoint::GarbageBegins);
        self.engine.shared.commit(self.batch)?;
        pass(Failpoint::GarbageEnd);
        self.engine.shared.unsealed.fetch_add(self.done.bytes, Ordering::Relaxed);
        Ok(self.done)
    }
}
