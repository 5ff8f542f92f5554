//! One consistent view of the store. Everything read through it is of one moment, and nothing
//! above the last committed sequence is seen.

mod changes;
mod databases;
mod documents;
mod garbage;
mod lifetime;
mod outstanding;
mod purges;
mod readers;

pub use changes::{ChangeRange, Changes, ChangesWithBodies};
pub use databases::DatabaseRange;
pub use documents::{DocumentRange, Documents, Locals};
pub(crate) use garbage::{Due, DueBody, DueRow};
pub use garbage::{DueGarbage, GarbagePlace, GarbageRange};
pub(crate) use lifetime::{Lifetime, Lifetimes};
pub use outstanding::Conflicts;
pub use readers::{EVERYBODY, ReaderChange, ReaderChanges, ReaderDocuments};

use std::sync::Arc;

use bytes::Bytes;
use fjall::{Keyspace, Readable, UserValue};

use crate::database::{DEFAULT_REVISIONS_LIMIT, DatabaseId, DatabaseInformation};
use crate::error::StorageError;
use crate::keys::{self, RegistryKey};
use crate::operation::BodyRecord;
use crate::records::{self, ContentRecord, DocumentRecord, UploadState};
use crate::resumable::ResumableUpload;
use crate::store::Shared;

/// A consistent view of everything that was committed when it was opened. It holds the open
/// database: drop it soon (at most 10 s), or a restarted engine has to wait for it.
#[derive(Clone)]
pub struct Snapshot {
    view: fjall::Snapshot,
    lifetime: Lifetime,
}

impl Snapshot {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let view = shared.moments.open(&shared.database);
        Self { view, lifetime: Lifetime::begin(shared) }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.lifetime.shared
    }

    /// Lets go of this moment and goes on holding the open database.
    pub(crate) fn into_lifetime(self) -> Lifetime {
        self.lifetime
    }

    pub(crate) fn view(&self) -> &fjall::Snapshot {
        &self.view
    }

    pub(crate) fn get(
        &self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
    ) -> Result<Option<UserValue>, StorageError> {
        Ok(self.view.get(keyspace, key)?)
    }

    /// A document's row.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn document(
        &self,
        database: DatabaseId,
        id: &str,
    ) -> Result<Option<DocumentRecord>, StorageError> {
        let key = keys::id_key(database, id);
        self.get(&self.shared().keyspaces.documents, key)?
            .map(|row| DocumentRecord::decode(records::bytes_of(row)))
            .transpose()
    }

    /// The body that was written at a sequence; `None` when it has left.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn body(
        &self,
        database: DatabaseId,
        sequence: u64,
    ) -> Result<Option<BodyRecord>, StorageError> {
        let key = keys::sequence_key(database, sequence);
        self.get(&self.shared().keyspaces.bodies, key)?
            .map(|row| records::decode_body(records::bytes_of(row)))
            .transpose()
    }

    /// A local document's bytes.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn local(&self, database: DatabaseId, id: &str) -> Result<Option<Bytes>, StorageError> {
        let key = keys::id_key(database, id);
        self.get(&self.shared().keyspaces.locals, key)?
            .map(|row| records::opaque_bytes("locals", records::bytes_of(row)))
            .transpose()
    }

    /// The content that stands under an address (SHA-256 of the stored bytes).
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn content(
        &self,
        database: DatabaseId,
        content: &[u8; 32],
    ) -> Result<Option<ContentRecord>, StorageError> {
        let key = keys::content_key(database, content);
        self.get(&self.shared().keyspaces.attachments, key)?
            .map(|row| ContentRecord::decode(&row))
            .transpose()
    }

    /// One chunk of an upload.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn chunk(
        &self,
        database: DatabaseId,
        upload: &[u8; 16],
        number: u32,
    ) -> Result<Option<Bytes>, StorageError> {
        let key = keys::chunk_key(database, upload, number);
        self.get(&self.shared().keyspaces.chunks, key)?
            .map(|row| records::opaque_bytes("chunks", records::bytes_of(row)))
            .transpose()
    }

    /// What is known of an upload that may be resumed; `None` where there is none (any more).
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn resumable_upload(
        &self,
        database: DatabaseId,
        upload: &[u8; 16],
    ) -> Result<Option<ResumableUpload>, StorageError> {
        let key = keys::upload_key(database, upload);
        let Some(row) = self.get(&self.shared().keyspaces.attachments, key)? else {
            return Ok(None);
        };
        match records::decode_upload(&row)? {
            UploadState::Resumable(record) => Ok(Some(*record)),
            UploadState::Open | UploadState::Abandoned => Ok(None),
        }
    }

    /// A database's counters; `None` when it does not exist.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn information(
        &self,
        database: DatabaseId,
    ) -> Result<Option<DatabaseInformation>, StorageError> {
        let keyspace = &self.shared().keyspaces.databases;
        let key = keys::registry_key(RegistryKey::Counters, database);
        let Some(row) = self.get(keyspace, key)? else {
            return Ok(None);
        };
        let counters = records::decode_counters(&row)?;
        let key = keys::registry_key(RegistryKey::RevisionsLimit, database);
        let revisions_limit = match self.get(keyspace, key)? {
            Some(row) => records::decode_revisions_limit(&row)?,
            None => DEFAULT_REVISIONS_LIMIT,
        };
        Ok(Some(DatabaseInformation {
            update_sequence: counters.update_sequence,
            documents: counters.documents,
            deleted_documents: counters.deleted_documents,
            active_bytes: counters.active_bytes,
            external_bytes: counters.external_bytes,
            revisions_limit,
            purge_sequence: self.purge_state(database)?.sequence,
            tombstones: self.tombstone_state(database)?,
        }))
    }

    /// The last sequence given in a database, 0 when there is none (or no such database).
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn update_sequence(&self, database: DatabaseId) -> Result<u64, StorageError> {
        let key = keys::registry_key(RegistryKey::Counters, database);
        match self.get(&self.shared().keyspaces.databases, key)? {
            Some(row) => Ok(records::decode_counters(&row)?.update_sequence),
            None => Ok(0),
        }
    }
}
