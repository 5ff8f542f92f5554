//! Uploads that may be resumed: each has one row that says how much of it is there for good, and its
//! chunks. Who may write is decided here, so that two requests never mix their bytes.

use crate::database::DatabaseId;
use crate::engine::group::Group;
use crate::error::CommitError;
use crate::keys::{self, Waste};
use crate::operation::Outcome;
use crate::records::{self, UploadState};
use crate::resumable::{
    ResumableUpload, UploadBound, UploadBounds, UploadStep, UploadTotals, UploadWrite,
};

impl Group<'_> {
    pub(super) fn resume(&mut self, write: UploadWrite) -> Result<Outcome, CommitError> {
        let UploadWrite { database, upload, bounds, step } = write;
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        if let UploadStep::Begin(record) = step {
            return self.begin_resumable((database, upload), record, &bounds);
        }
        let Some(record) = self.resumable(database, upload)? else {
            return Ok(Outcome::NoSuchUpload);
        };
        let now = self.engine.now_unix_ms;
        match step {
            UploadStep::Begin(_) => Ok(Outcome::Done),
            UploadStep::Hold { holder, length } => {
                let leases = &mut self.engine.leases;
                if !leases.hold_upload(database, upload, holder, now) {
                    return Ok(Outcome::UploadHeld);
                }
                self.lengthen((database, upload), record, length, &bounds)
            }
            UploadStep::Chunk { holder, number, bytes } => {
                if !self.engine.leases.keep_upload(database, upload, holder, now) {
                    return Ok(Outcome::UploadHeld);
                }
                records::encode_opaque(&mut self.row, &bytes);
                let keyspace = &self.engine.shared.keyspaces.chunks;
                let key = keys::chunk_key(database, &upload, number);
                self.batch.insert(keyspace, key, self.row.as_slice());
                Ok(Outcome::Done)
            }
            UploadStep::Advance { holder, received, expires_unix_ms } => {
                if !self.engine.leases.keep_upload(database, upload, holder, now) {
                    return Ok(Outcome::UploadHeld);
                }
                let advanced = ResumableUpload { received, expires_unix_ms, ..record };
                let refused = self.keep((database, upload), advanced, &bounds)?;
                Ok(refused.map_or(Outcome::Done, Outcome::UploadBeyond))
            }
            UploadStep::Release { holder } => {
                self.engine.leases.release_upload(database, upload, Some(holder));
                Ok(Outcome::Done)
            }
            UploadStep::End => {
                self.engine.leases.release_upload(database, upload, None);
                self.resumable.remove(&(database, upload));
                self.uploads.insert((database, upload), Some(UploadState::Abandoned));
                Ok(Outcome::Done)
            }
        }
    }

    fn begin_resumable(
        &mut self,
        upload: (DatabaseId, [u8; 16]),
        record: ResumableUpload,
        bounds: &UploadBounds,
    ) -> Result<Outcome, CommitError> {
        if let Some(bound) = self.keep(upload, record, bounds)? {
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
    ) -> Result<Outcome, CommitError> {
        if record.length.is_some() || length.is_none_or(|length| length < record.received) {
            return Ok(Outcome::Upload(Box::new(record)));
        }
        let longer = ResumableUpload { length, ..record };
        match self.keep(upload, longer.clone(), bounds)? {
            None => Ok(Outcome::Upload(Box::new(longer))),
            Some(bound) => {
                self.engine.leases.release_upload(upload.0, upload.1, None);
                Ok(Outcome::UploadBeyond(bound))
            }
        }
    }

    /// Notes what is known of an upload, where that is within the bounds.
    fn keep(
        &mut self,
        (database, upload): (DatabaseId, [u8; 16]),
        record: ResumableUpload,
        bounds: &UploadBounds,
    ) -> Result<Option<UploadBound>, CommitError> {
        let before = self.resumable(database, upload)?;
        // Bytes that were reserved before were found to be within the bounds then.
        let reserved = before.map(|before| before.reserved_bytes());
        if reserved.is_none_or(|reserved| reserved < record.reserved_bytes()) {
            let mut totals = self.upload_totals(database, upload, record.owner.as_deref())?;
            totals.add(&record, record.owner.as_deref());
            if let Some(bound) = totals.beyond(bounds) {
                return Ok(Some(bound));
            }
        }
        self.resumable.insert((database, upload), record);
        Ok(None)
    }

    /// What all uploads of a database but one come to. There are few, by their bounds.
    fn upload_totals(
        &self,
        database: DatabaseId,
        but: [u8; 16],
        owner: Option<&str>,
    ) -> Result<UploadTotals, CommitError> {
        let mut totals = UploadTotals::default();
        for ((_, upload), record) in self.resumable.iter().filter(|((of, _), _)| *of == database) {
            if *upload != but {
                totals.add(record, owner);
            }
        }
        let attachments = &self.engine.shared.keyspaces.attachments;
        for guard in attachments.prefix(keys::uploads_prefix(database)) {
            let (key, row) = guard.into_inner()?;
            let Some(upload) = key.last_chunk::<16>().copied() else { continue };
            let changed = self.resumable.contains_key(&(database, upload))
                || self.uploads.contains_key(&(database, upload));
            if upload == but || changed {
                continue;
            }
            if let UploadState::Resumable(record) = records::decode_upload(&row)? {
                totals.add(&record, owner);
            }
        }
        Ok(totals)
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
