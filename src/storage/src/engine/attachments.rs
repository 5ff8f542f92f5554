//! Attachments' bytes: chunks of uploads, and the address a finished upload gets.

use crate::database::DatabaseId;
use crate::engine::group::Group;
use crate::error::CommitError;
use crate::keys;
use crate::operation::Outcome;
use crate::records::{self, ContentRecord};

impl Group<'_> {
    pub(super) fn write_chunk(
        &mut self,
        key: [u8; 24],
        database: DatabaseId,
        bytes: &[u8],
    ) -> Result<Outcome, CommitError> {
        if self.counters(database)?.is_none() {
            return Ok(Outcome::NoSuchDatabase);
        }
        records::encode_opaque(&mut self.row, bytes);
        let keyspace = &self.engine.shared.keyspaces.chunks;
        self.batch.insert(keyspace, key, self.row.as_slice());
        Ok(Outcome::Done)
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
        let keyspaces = &self.engine.shared.keyspaces;
        let key = keys::content_key(database, content);
        let known = self.contents.contains(&(database, *content))
            || keyspaces.attachments.contains_key(key)?;
        if known {
            for number in 0..record.chunks {
                let key = keys::chunk_key(database, &record.upload, number);
                self.batch.remove(&keyspaces.chunks, key);
            }
            return Ok(Outcome::Done);
        }
        records::encode_content(&mut self.row, record);
        self.batch.insert(&keyspaces.attachments, key, self.row.as_slice());
        self.contents.insert((database, *content));
        Ok(Outcome::Done)
    }
}
