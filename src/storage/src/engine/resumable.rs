//! Uploads that may be resumed: each has one row that says how much of it is there for good, and its
//! chunks. Who may write is decided here, so that two requests never mix their bytes.

use crate::database::DatabaseId;
use crate::engine::group::Group;
use crate::engine::upload_totals::DatabaseUploads;
use crate::error::CommitError;
use crate::keys::{self, Waste};
use crate::operation::Outcome;
use crate::records::{self, UploadState};
use crate::resumable::{ResumableUpload, UploadBound, UploadBounds, UploadStep, UploadWrite};

impl Group<'_> {
    pub(super) fn resume(&mut self, write: UploadWrite) -> Result<Outcome, CommitError> {
        let UploadWrite { database, upload, bounds, step } = write;
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        self.load_upload_totals(database)?;
        let at = (database, upload);
        let now = self.engine.now_unix_ms;
        match (step, self.resumable(database, upload)?) {
            (UploadStep::Begin(record), _) => self.begin_resumable(at, record, &bounds),
            (_, None) => Ok(Outcome::NoSuchUpload),
            (UploadStep::Hold { holder, length }, Some(record)) => {
                if !self.engine.leases.hold_upload(database, upload, holder, now) {
                    return Ok(Outcome::UploadHeld);
                }
                Ok(self.lengthen(at, record, length, &bounds))
            }
            (UploadStep::Chunk { holder, number, bytes }, Some(record)) => {
                if !self.engine.leases.keep_upload(database, upload, holder, now) {
                    return Ok(Outcome::UploadHeld);
                }
                Ok(self.store_upload_chunk(at, &record, (number, &bytes), &bounds))
            }
            (UploadStep::Advance { holder, received, expires_unix_ms }, Some(record)) => {
                if !self.engine.leases.keep_upload(database, upload, holder, now) {
                    return Ok(Outcome::UploadHeld);
                }
                let advanced = ResumableUpload { received, expires_unix_ms, ..record };
                let refused = self.keep(at, advanced, &bounds);
                Ok(refused.map_or(Outcome::Done, Outcome::UploadBeyond))
            }
            (UploadStep::Release { holder }, Some(_)) => {
                self.engine.leases.release_upload(database, upload, Some(holder));
                Ok(Outcome::Done)
            }
            (UploadStep::End, Some(_)) => {
                self.engine.leases.release_upload(database, upload, None);
                self.engine.upload_totals.forget(database, &upload);
                self.resumable.remove(&at);
                self.uploads.insert(at, Some(UploadState::Abandoned));
                Ok(Outcome::Done)
            }
        }
    }

    /// Stores a chunk where all that was stored of the upload is within the bounds: what counts for
    /// nothing yet, or never will, takes its room all the same.
    fn store_upload_chunk(
        &mut self,
        (database, upload): (DatabaseId, [u8; 16]),
        record: &ResumableUpload,
        (number, bytes): (u32, &[u8]),
        bounds: &UploadBounds,
    ) -> Outcome {
        let begin = u64::from(number) * u64::from(record.chunk_bytes);
        let stored = begin.saturating_add(bytes.len() as u64);
        if let Some(bound) = self.reserve((database, upload), record, stored, bounds) {
            return Outcome::UploadBeyond(bound);
        }
        records::encode_opaque(&mut self.row, bytes);
        let keyspace = &self.engine.shared.keyspaces.chunks;
        let key = keys::chunk_key(database, &upload, number);
        self.batch.insert(keyspace, key, self.row.as_slice());
        Outcome::Done
    }

    fn begin_resumable(
        &mut self,
        upload: (DatabaseId, [u8; 16]),
        record: ResumableUpload,
        bounds: &UploadBounds,
    ) -> Result<Outcome, CommitError> {
        if let Some(bound) = self.keep(upload, record, bounds) {
            return Ok(Outcome::UploadBeyond(bound));
        }
        self.note_garbage(upload.0, &Waste::Upload(upload.1), "");
        Ok(Outcome::Done)
    }

    /// Notes the length of an upload whose length was not known; answers with what is known then.
    fn lengthen(
        &mut self,
        upload: (DatabaseId, [u8; 16]),
        record: ResumableUpload,
        length: Option<u64>,
        bounds: &UploadBounds,
    ) -> Outcome {
        if record.length.is_some() || length.is_none_or(|length| length < record.received) {
            return Outcome::Upload(Box::new(record));
        }
        let longer = ResumableUpload { length, ..record };
        match self.keep(upload, longer.clone(), bounds) {
            None => Outcome::Upload(Box::new(longer)),
            Some(bound) => {
                self.engine.leases.release_upload(upload.0, upload.1, None);
                Outcome::UploadBeyond(bound)
            }
        }
    }

    /// Notes what is known of an upload, where that is within the bounds.
    fn keep(
        &mut self,
        at: (DatabaseId, [u8; 16]),
        record: ResumableUpload,
        bounds: &UploadBounds,
    ) -> Option<UploadBound> {
        let bound = self.reserve(at, &record, record.reserved_bytes(), bounds);
        if bound.is_none() {
            self.resumable.insert(at, record);
        }
        bound
    }

    /// Counts so many bytes of an upload, where that is within the bounds.
    fn reserve(
        &mut self,
        (database, upload): (DatabaseId, [u8; 16]),
        record: &ResumableUpload,
        bytes: u64,
        bounds: &UploadBounds,
    ) -> Option<UploadBound> {
        // They were loaded before the step.
        let uploads = self.engine.upload_totals.of(database)?;
        uploads.reserve(upload, record, bytes, bounds)
    }

    /// Reads what the uploads of a database come to, once: from then on every step and every removal of
    /// one adjusts it. What chunks hold beyond what was received is not found again: a part that was not
    /// right writes over them when it comes again.
    fn load_upload_totals(&mut self, database: DatabaseId) -> Result<(), CommitError> {
        if self.engine.upload_totals.of(database).is_some() {
            return Ok(());
        }
        let mut uploads = DatabaseUploads::default();
        let attachments = &self.engine.shared.keyspaces.attachments;
        for guard in attachments.prefix(keys::uploads_prefix(database)) {
            let (key, row) = guard.into_inner()?;
            let Some(upload) = key.last_chunk::<16>().copied() else { continue };
            if let UploadState::Resumable(record) = records::decode_upload(&row)? {
                let bytes = record.reserved_bytes();
                uploads.count(upload, record.owner, bytes);
            }
        }
        self.engine.upload_totals.keep(database, uploads);
        Ok(())
    }

    /// What is known of an upload that may be resumed; `None` where there is none, or it expired.
    fn resumable(
        &mut self,
        database: DatabaseId,
        upload: [u8; 16],
    ) -> Result<Option<ResumableUpload>, CommitError> {
        let now = self.engine.now_unix_ms;
        let record = match self.resumable.get(&(database, upload)) {
            Some(record) => record.clone(),
            None if self.uploads.contains_key(&(database, upload)) => return Ok(None),
            None => match self.engine.upload_state(database, &upload)? {
                Some(UploadState::Resumable(record)) => *record,
                _ => return Ok(None),
            },
        };
        let held = self.engine.leases.is_held(database, upload, now);
        Ok((held || now < record.expires_unix_ms).then_some(record))
    }

    /// Adds the rows of uploads that changed.
    pub(super) fn finish_resumable(&mut self) {
        for ((database, upload), record) in std::mem::take(&mut self.resumable) {
            let state = UploadState::Resumable(Box::new(record));
            records::encode_upload(&mut self.row, &state);
            let key = keys::upload_key(database, &upload);
            let keyspace = &self.engine.shared.keyspaces.attachments;
            self.batch.insert(keyspace, key, self.row.as_slice());
        }
    }
}
