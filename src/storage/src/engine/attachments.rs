//! Attachments' bytes: chunks of uploads, and the address a finished upload gets.

use crate::database::DatabaseId;
use crate::engine::Engine;
use crate::engine::group::Group;
use crate::error::CommitError;
use crate::keys::{self, Waste};
use crate::operation::{BodyRecord, Outcome};
use crate::records::{self, ContentRecord, UploadState};

impl Engine {
    /// The stored state of an upload without address.
    pub(super) fn upload_state(
        &self,
        database: DatabaseId,
        upload: &[u8; 16],
    ) -> Result<Option<UploadState>, CommitError> {
        let attachments = &self.shared.keyspaces.attachments;
        let row = attachments.get(keys::upload_key(database, upload))?;
        Ok(row.map(|row| records::decode_upload(&row)).transpose()?)
    }
}

impl Group<'_> {
    pub(super) fn write_chunk(
        &mut self,
        database: DatabaseId,
        upload: [u8; 16],
        number: u32,
        bytes: &[u8],
    ) -> Result<Outcome, CommitError> {
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        if !self.continues(database, upload, number == 0)? {
            return Ok(Outcome::NoSuchUpload);
        }
        records::encode_opaque(&mut self.row, bytes);
        let keyspace = &self.engine.shared.keyspaces.chunks;
        let key = keys::chunk_key(database, &upload, number);
        self.batch.insert(keyspace, key, self.row.as_slice());
        Ok(Outcome::Done)
    }

    /// Whether an upload may go on: it is open, or it begins.
    fn continues(
        &mut self,
        database: DatabaseId,
        upload: [u8; 16],
        begins: bool,
    ) -> Result<bool, CommitError> {
        let now = self.engine.now_unix_ms;
        let until = self.engine.leases.open_until(database, upload);
        if until.is_none() {
            // Not begun yet, begun before a restart, or given up.
            match self.engine.upload_state(database, &upload)? {
                Some(UploadState::Open) => {}
                None if begins => {
                    self.uploads.insert((database, upload), Some(UploadState::Open));
                }
                Some(UploadState::Abandoned | UploadState::Resumable(_)) | None => {
                    return Ok(false);
                }
            }
        }
        self.engine.leases.touch(database, upload, now);
        Ok(true)
    }

    pub(super) fn finish_upload(
        &mut self,
        database: DatabaseId,
        content: &[u8; 32],
        record: &ContentRecord,
    ) -> Result<Outcome, CommitError> {
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        let has_chunks = record.chunks > 0;
        if has_chunks && !self.continues(database, record.upload, false)? {
            return Ok(Outcome::NoSuchUpload);
        }
        self.engine.leases.end(database, record.upload);
        let now = self.engine.now_unix_ms;
        self.engine.leases.hold(database, *content, now);
        let upload = (database, record.upload);
        if self.has_content(database, content)? {
            if has_chunks {
                self.uploads.insert(upload, Some(UploadState::Abandoned));
            }
            return Ok(Outcome::Done);
        }
        // One that began in this very group has no row yet.
        if has_chunks && self.uploads.remove(&upload).is_none() {
            self.uploads.insert(upload, None);
        }
        records::encode_content(&mut self.row, record);
        let key = keys::content_key(database, content);
        self.batch.insert(&self.engine.shared.keyspaces.attachments, key, self.row.as_slice());
        self.contents.insert((database, *content));
        self.note_garbage(database, &Waste::Content(*content), "");
        Ok(Outcome::Done)
    }

    fn has_content(&self, database: DatabaseId, content: &[u8; 32]) -> Result<bool, CommitError> {
        if self.contents.contains(&(database, *content)) {
            return Ok(true);
        }
        let attachments = &self.engine.shared.keyspaces.attachments;
        Ok(attachments.contains_key(keys::content_key(database, content))?)
    }

    /// Whether all contents are there that a document's new bodies refer to.
    pub(super) fn has_contents(
        &self,
        database: DatabaseId,
        bodies: &[BodyRecord],
    ) -> Result<bool, CommitError> {
        for attachment in bodies.iter().flat_map(|body| &body.attachments) {
            if !self.has_content(database, &attachment.content)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Adds the states of uploads. One that begins, or is given up, is noted as garbage: it leaves
    /// unless it gets an address.
    pub(super) fn finish_uploads(&mut self) {
        for ((database, upload), state) in std::mem::take(&mut self.uploads) {
            let key = keys::upload_key(database, &upload);
            let keyspaces = &self.engine.shared.keyspaces;
            match state {
                Some(state) => {
                    records::encode_upload(&mut self.row, &state);
                    self.batch.insert(&keyspaces.attachments, key, self.row.as_slice());
                    self.note_garbage(database, &Waste::Upload(upload), "");
                }
                None => self.batch.remove(&keyspaces.attachments, key),
            }
        }
    }
}
