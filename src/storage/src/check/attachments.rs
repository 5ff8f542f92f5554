//! Contents of attachments: their chunks against their addresses, who refers to them, and uploads
//! without address.

use std::collections::HashSet;

use fjall::Readable;
use refuge_document::Attachment;
use sha2::{Digest, Sha256};

use super::{Check, Subject};
use crate::error::StorageError;
use crate::keys::{self, AttachmentKey};
use crate::records::{self, ContentRecord, UploadState};
use crate::resumable::ResumableUpload;

impl Check<'_> {
    /// A body's attachment: its content is there, and so is the row that refers to it.
    pub(super) fn reference(
        &mut self,
        subject: &Subject<'_>,
        of: &str,
        user: (&str, u64),
        attachment: &Attachment,
    ) -> Result<(), StorageError> {
        let Attachment { name, content, .. } = attachment;
        let mut key = Vec::new();
        keys::write_reference_key(&mut key, subject.database, content, user);
        let keyspace = &subject.snapshot.shared().keyspaces.attachments;
        let user_row = subject.snapshot.get(keyspace, key);
        if let Some(None) = self.readable(user_row, format_args!("{of}, attachment {name}"))? {
            self.problem(format_args!("{of}: nothing refers to the content of attachment {name}"));
        }
        let content = subject.snapshot.content(subject.database, content);
        if let Some(None) = self.readable(content, format_args!("{of}, attachment {name}"))? {
            self.problem(format_args!("{of}: the content of attachment {name} is missing"));
        }
        Ok(())
    }

    pub(super) fn attachments(&mut self, subject: &Subject<'_>) -> Result<(), StorageError> {
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.attachments;
        let mut uploads = HashSet::new();
        let known = &mut uploads;
        let is_whole =
            self.each_row(subject.snapshot, keyspace, &prefix, &mut |check, key, row| {
                check.attachment_row(subject, (&key, &row), known)
            })?;
        // Which chunks belong to something is not known else.
        if is_whole { self.chunks(subject, &uploads) } else { Ok(()) }
    }

    fn attachment_row(
        &mut self,
        subject: &Subject<'_>,
        (key, row): (&[u8], &[u8]),
        uploads: &mut HashSet<[u8; 16]>,
    ) -> Result<(), StorageError> {
        let of = format_args!("database {}, attachments", subject.name).to_string();
        match keys::attachment_of(key) {
            Some(AttachmentKey::Content(address)) => {
                let record = ContentRecord::decode(row);
                let Some(record) = self.readable(record, format_args!("{of}"))? else {
                    return Ok(());
                };
                uploads.insert(record.upload);
                self.content(subject, &of, &address, &record)?;
            }
            Some(AttachmentKey::Reference { content, id, sequence }) => {
                self.user(subject, &of, &content, (&id, sequence))?;
            }
            Some(AttachmentKey::Upload(upload)) => {
                let state = self.readable(records::decode_upload(row), format_args!("{of}"))?;
                if let Some(UploadState::Resumable(record)) = state {
                    self.resumable(subject, &of, &upload, &record)?;
                }
                uploads.insert(upload);
                let noted = subject.noted;
                if !noted.uploads.contains(&upload) && !noted.is_partial {
                    self.problem(format_args!("{of}: an upload is not noted to leave"));
                }
            }
            None => self.problem(format_args!("{of}: the key {key:?} cannot be read")),
        }
        Ok(())
    }

    /// The chunks of an upload that may be resumed hold all that it is said to have received.
    fn resumable(
        &mut self,
        subject: &Subject<'_>,
        of: &str,
        upload: &[u8; 16],
        record: &ResumableUpload,
    ) -> Result<(), StorageError> {
        if record.length.is_some_and(|length| length < record.received) {
            self.problem(format_args!("{of}: an upload received more than its length"));
        }
        let mut left = record.received;
        for number in 0.. {
            let expected = left.min(u64::from(record.chunk_bytes));
            if expected == 0 {
                break;
            }
            let chunk = subject.snapshot.chunk(subject.database, upload, number);
            let chunk = self.readable(chunk, format_args!("{of}, chunk {number}"))?.flatten();
            if chunk.is_none_or(|chunk| (chunk.len() as u64) < expected) {
                self.problem(format_args!(
                    "{of}: chunk {number} of an upload holds less than was acknowledged"
                ));
                break;
            }
            left -= expected;
        }
        Ok(())
    }

    /// A content's chunks make up what its address says, and somebody refers to it.
    fn content(
        &mut self,
        subject: &Subject<'_>,
        of: &str,
        address: &[u8; 32],
        record: &ContentRecord,
    ) -> Result<(), StorageError> {
        self.checked.contents += 1;
        let mut digest = Sha256::new();
        let mut length = 0;
        for number in 0..record.chunks {
            let chunk = subject.snapshot.chunk(subject.database, &record.upload, number);
            let chunk = self.readable(chunk, format_args!("{of}, chunk {number}"))?;
            let Some(chunk) = chunk else { return Ok(()) };
            let Some(chunk) = chunk else {
                self.problem(format_args!("{of}: chunk {number} of a content is missing"));
                return Ok(());
            };
            length += chunk.len() as u64;
            digest.update(&chunk);
        }
        self.checked.content_bytes += length;
        if length != record.stored_length || digest.finalize()[..] != address[..] {
            self.problem(format_args!("{of}: a content is not what its address says"));
        }
        let prefix = keys::reference_prefix(subject.database, address);
        let keyspace = &subject.snapshot.shared().keyspaces.attachments;
        let used = subject.snapshot.view().prefix(keyspace, prefix).next().is_some();
        let noted = subject.noted;
        if !used && !noted.contents.contains(address) && !noted.is_partial {
            self.problem(format_args!(
                "{of}: nothing refers to a content and it is not noted to leave"
            ));
        }
        Ok(())
    }

    /// Who is said to refer to a content does so.
    fn user(
        &mut self,
        subject: &Subject<'_>,
        of: &str,
        content: &[u8; 32],
        (id, sequence): (&str, u64),
    ) -> Result<(), StorageError> {
        let body = subject.snapshot.body(subject.database, sequence);
        let Some(body) = self.readable(body, format_args!("{of}"))? else { return Ok(()) };
        let lists = |one: &Attachment| one.content == *content;
        if !body.is_some_and(|body| body.attachments.iter().any(lists)) {
            self.problem(format_args!(
                "{of}: document {id} at {sequence} is said to refer to a content and does not"
            ));
        }
        Ok(())
    }

    /// Every chunk belongs to a content or to an upload that is known.
    fn chunks(
        &mut self,
        subject: &Subject<'_>,
        uploads: &HashSet<[u8; 16]>,
    ) -> Result<(), StorageError> {
        let prefix = keys::database_prefix(subject.database);
        let keyspace = &subject.snapshot.shared().keyspaces.chunks;
        let mut told = HashSet::new();
        self.each_row(subject.snapshot, keyspace, &prefix, &mut |check, key, _| {
            let upload = key.get(4..20).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
            let known = upload.is_some_and(|upload| uploads.contains(&upload));
            if !known && told.insert(upload) {
                let name = subject.name;
                check.problem(format_args!(
                    "database {name}: chunks of an upload that is not known"
                ));
            }
            Ok(())
        })?;
        Ok(())
    }
}
