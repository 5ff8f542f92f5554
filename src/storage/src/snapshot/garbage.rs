//! Looking through the queue of what may have to leave. The reads that the removal needs are made
//! here, on the caller's thread, so that the writer's reads no cold rows.

use std::ops::Bound;

use fjall::{Readable, UserKey};
use refuge_document::Expiry;

use super::Snapshot;
use crate::database::DatabaseId;
use crate::error::StorageError;
use crate::keys::{self, Waste};
use crate::records::{self, UploadState};

/// A row noted for a time further ahead than this was noted by a clock that was wrong: it is due
/// at once.
const MOST_AHEAD_MS: u64 = 60 * 60 * 1000;

/// Which rows of the queue are looked for.
#[derive(Clone, Debug, Default)]
pub struct GarbageRange {
    /// Now, in milliseconds since 1970.
    pub now_unix_ms: u64,
    /// How long a row has to wait, in milliseconds.
    pub grace_ms: u64,
    /// Of one database only.
    pub database: Option<DatabaseId>,
    /// Go on behind the rows that an earlier look found.
    pub after: Option<GarbagePlace>,
    /// Rows to remove, about: a body counts as two with one more for each attachment, an
    /// abandoned upload as its chunks.
    pub rows: usize,
}

/// A place in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GarbagePlace(UserKey);

/// Rows of the queue whose time has come, with what has to be known to remove them; for
/// [`Engine::collect`](crate::Engine::collect).
#[derive(Debug, Default)]
pub struct DueGarbage {
    pub(crate) rows: Vec<DueRow>,
    /// Where to go on, `None` when the queue was seen to its end.
    pub next: Option<GarbagePlace>,
}

impl DueGarbage {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// One row of the queue.
#[derive(Debug)]
pub(crate) struct DueRow {
    pub(crate) key: UserKey,
    pub(crate) database: DatabaseId,
    pub(crate) due: Due,
}

/// What is known about a row of the queue.
#[derive(Debug)]
pub(crate) enum Due {
    /// A body that has left before, or that of no living database.
    Nothing,
    /// A body.
    Body(DueBody),
    /// A content.
    Content { content: [u8; 32] },
    /// An upload, with some of its chunks where it was abandoned.
    Upload { upload: [u8; 16], chunks: Vec<UserKey>, all: bool },
}

/// A body that has to leave.
#[derive(Debug)]
pub(crate) struct DueBody {
    pub(crate) sequence: u64,
    pub(crate) bytes: u64,
    /// The keys of its references and the contents they refer to.
    pub(crate) references: Vec<(Vec<u8>, [u8; 32])>,
    /// When its revision expires.
    pub(crate) expires_ms: Option<u64>,
}

impl Due {
    fn rows(&self) -> usize {
        match self {
            Self::Nothing | Self::Content { .. } => 1,
            Self::Body(body) => 2 + body.references.len(),
            Self::Upload { chunks, .. } => 1 + chunks.len(),
        }
    }
}

impl Snapshot {
    /// Looks for rows of the queue whose time has come.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn garbage(&self, range: &GarbageRange) -> Result<DueGarbage, StorageError> {
        let low = match &range.after {
            Some(GarbagePlace(key)) => Bound::Excluded(key.to_vec()),
            None => Bound::Unbounded,
        };
        let keyspace = &self.shared().keyspaces.garbage;
        let rows = self.view().range::<Vec<u8>, _>(keyspace, (low, Bound::Unbounded));
        let mut found = DueGarbage::default();
        let mut count = 0;
        for guard in rows {
            let (key, row) = guard.into_inner()?;
            let Some((since, database, waste)) = keys::garbage_of(&key) else {
                continue;
            };
            let early = since.saturating_add(range.grace_ms) > range.now_unix_ms;
            if early && since <= range.now_unix_ms.saturating_add(MOST_AHEAD_MS) {
                // Behind it stand younger ones only.
                break;
            }
            if range.database.is_some_and(|wanted| wanted != database) {
                continue;
            }
            let id = records::decode_garbage(&row)?;
            let due = self.due(database, &waste, id, range.rows)?;
            count += due.rows();
            found.rows.push(DueRow { key: key.clone(), database, due });
            if count >= range.rows {
                found.next = Some(GarbagePlace(key));
                break;
            }
        }
        Ok(found)
    }

    fn due(
        &self,
        database: DatabaseId,
        waste: &Waste,
        id: &str,
        most_chunks: usize,
    ) -> Result<Due, StorageError> {
        match *waste {
            Waste::Body(sequence) => self.due_body(database, sequence, id),
            Waste::Content(content) => Ok(Due::Content { content }),
            Waste::Upload(upload) => self.due_upload(database, upload, most_chunks),
        }
    }

    fn due_body(&self, database: DatabaseId, sequence: u64, id: &str) -> Result<Due, StorageError> {
        let key = keys::sequence_key(database, sequence);
        let Some(row) = self.get(&self.shared().keyspaces.bodies, key)? else {
            return Ok(Due::Nothing);
        };
        let bytes = row.len() as u64;
        let record = records::decode_body(records::bytes_of(row))?;
        let mut contents: Vec<[u8; 32]> =
            record.attachments.iter().map(|attachment| attachment.content).collect();
        contents.sort_unstable();
        contents.dedup();
        let references = contents.into_iter().map(|content| {
            let mut key = Vec::new();
            keys::write_reference_key(&mut key, database, &content, (id, sequence));
            (key, content)
        });
        let expires_ms = record.body.expiry().map(Expiry::unix_ms);
        Ok(Due::Body(DueBody { sequence, bytes, references: references.collect(), expires_ms }))
    }

    fn due_upload(
        &self,
        database: DatabaseId,
        upload: [u8; 16],
        most: usize,
    ) -> Result<Due, StorageError> {
        let keyspaces = &self.shared().keyspaces;
        let state = self.get(&keyspaces.attachments, keys::upload_key(database, &upload))?;
        let abandoned = match state {
            Some(row) => records::decode_upload(&row)? == UploadState::Abandoned,
            None => false,
        };
        if !abandoned {
            return Ok(Due::Upload { upload, chunks: Vec::new(), all: false });
        }
        let prefix = keys::chunk_prefix(database, &upload);
        let rows = self.view().prefix(&keyspaces.chunks, prefix);
        let chunks: Vec<UserKey> =
            rows.take(most).map(fjall::Guard::key).collect::<Result<_, _>>()?;
        let all = chunks.len() < most;
        Ok(Due::Upload { upload, chunks, all })
    }
}
