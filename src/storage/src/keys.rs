//! The keys of every keyspace, built in place.
//!
//! Each begins with the database's number (four bytes, big-endian), so that a database is one
//! range of each keyspace and its rows stand in the order in which they are read.
//!
//! | keyspace | key after the number |
//! |---|---|
//! | `documents` | document id |
//! | `sequences`, `bodies` | update sequence, eight bytes, big-endian |
//! | `locals` | local id |
//! | `attachments` | 1, address → content; 2, address, document id, sequence → reference; 3, upload → its state while it has no address |
//! | `chunks` | upload, chunk number (four bytes, big-endian) |
//! | `purges` | a tag, then what [`PurgeKey`] says |
//! | `outstanding` | 1, document id → its leaves; 2, update sequence → document id |
//! | `readers` | 1, principal, update sequence → change; 2, principal, document id → how it stands |
//!
//! `expiries` begins with a time instead (see [`expiry_key`]).
//!
//! `databases` begins with a tag instead (see [`RegistryKey`]); `node` holds plain names; `garbage`
//! is one queue for all databases (see [`garbage_key`]). Database 0 is never given: under it stand
//! the marks of sealed memtables (see [`MARK_KEY`]).

mod garbage;
mod outstanding;
mod readers;

use crate::database::DatabaseId;

pub(crate) use garbage::{Waste, garbage_key, garbage_of};
pub(crate) use outstanding::{
    OutstandingKey, conflict_key, conflicts_prefix, outstanding_of, tombstone_key,
    write_conflict_key,
};

pub(crate) use readers::{
    ReaderKey, reader_change_key, reader_document_key, reader_documents_prefix, reader_of,
};

/// Tag of a content record in `attachments`.
const CONTENT_TAG: u8 = 1;
/// Tag of a reference in `attachments`.
const REFERENCE_TAG: u8 = 2;

/// Tag of an upload without address in `attachments`.
const UPLOAD_TAG: u8 = 3;

/// The key of a row that is written into a memtable before it is sealed, so that the table made
/// from it is never empty and holds the newest number, by which the engine gives journals back.
pub(crate) const MARK_KEY: [u8; 4] = [0; 4];

/// The tags of `databases`.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum RegistryKey {
    /// A name → its registry entry.
    Name = 1,
    /// A number → its counters; there as long as the database lives.
    Counters = 2,
    /// A number → its security object.
    Security = 3,
    /// A number → its limit of revisions.
    RevisionsLimit = 4,
    /// A number whose rows still have to leave.
    Dropping = 5,
    /// Nothing → the next number to give.
    NextNumber = 6,
    /// A number → how it stands with its purges.
    Purges = 7,
    /// A number → its options.
    Options = 8,
    /// A number → how far its tombstones have been purged.
    Tombstones = 9,
    /// A number whose rows of `outstanding` are complete.
    Outstanding = 10,
}

/// The tags of `purges`, and what stands behind them in a key.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum PurgeKey {
    /// Purge sequence (eight bytes, big-endian) → record.
    Record = 1,
    /// Uuid (16) → purge sequence.
    Name = 2,
    /// Name of an index → the purge sequence up to which it has followed.
    Checkpoint = 3,
    /// Time in milliseconds since 1970 (eight bytes, big-endian) → the update sequence then.
    Mark = 4,
}

/// A key of `purges`.
pub(crate) fn purge_key(tag: PurgeKey, database: DatabaseId, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(5 + rest.len());
    key.extend_from_slice(&database.0.to_be_bytes());
    key.push(tag as u8);
    key.extend_from_slice(rest);
    key
}

/// The key of a database's row in `databases`.
pub(crate) fn registry_key(tag: RegistryKey, database: DatabaseId) -> [u8; 5] {
    let [a, b, c, d] = database.0.to_be_bytes();
    [tag as u8, a, b, c, d]
}

/// The key of a name in `databases`.
pub(crate) fn name_key(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + name.len());
    key.push(RegistryKey::Name as u8);
    key.extend_from_slice(name.as_bytes());
    key
}

/// The key of a row in `expiries`: when (milliseconds since 1970), whose, and the sequence under
/// which the revision's body stands.
pub(crate) fn expiry_key(at_ms: u64, database: DatabaseId, sequence: u64) -> [u8; 20] {
    let mut key = [0; 20];
    let (time, rest) = key.split_at_mut(8);
    time.copy_from_slice(&at_ms.to_be_bytes());
    rest.copy_from_slice(&sequence_key(database, sequence));
    key
}

/// The parts of a key of `expiries`.
pub(crate) fn expiry_of(key: &[u8]) -> Option<(u64, DatabaseId, u64)> {
    let (time, rest) = key.split_first_chunk::<8>()?;
    let (number, _) = rest.split_first_chunk::<4>()?;
    let database = DatabaseId(u32::from_be_bytes(*number));
    Some((u64::from_be_bytes(*time), database, sequence_of(rest)?))
}

/// The prefix that all keys of a database have.
pub(crate) fn database_prefix(database: DatabaseId) -> [u8; 4] {
    database.0.to_be_bytes()
}

/// The database whose number a key begins with.
pub(crate) fn database_of(key: &[u8]) -> Option<DatabaseId> {
    key.first_chunk::<4>().map(|number| DatabaseId(u32::from_be_bytes(*number)))
}

/// The key of a row in `sequences` or `bodies`.
pub(crate) fn sequence_key(database: DatabaseId, sequence: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (number, place) = key.split_at_mut(4);
    number.copy_from_slice(&database.0.to_be_bytes());
    place.copy_from_slice(&sequence.to_be_bytes());
    key
}

/// The sequence in a key of `sequences` or `bodies`.
pub(crate) fn sequence_of(key: &[u8]) -> Option<u64> {
    key.last_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

/// Fills `key` with the key of an id in `documents` or `locals`.
pub(crate) fn write_id_key(key: &mut Vec<u8>, database: DatabaseId, id: &str) {
    key.clear();
    key.extend_from_slice(&database.0.to_be_bytes());
    key.extend_from_slice(id.as_bytes());
}

/// The key of an id in `documents` or `locals`.
pub(crate) fn id_key(database: DatabaseId, id: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(4 + id.len());
    write_id_key(&mut key, database, id);
    key
}

/// The id in a key of `documents` or `locals`.
pub(crate) fn id_of(key: &[u8]) -> Option<&str> {
    std::str::from_utf8(key.get(4..)?).ok()
}

/// The key of a content record in `attachments`.
pub(crate) fn content_key(database: DatabaseId, content: &[u8; 32]) -> [u8; 37] {
    let mut key = [0; 37];
    let (number, rest) = key.split_at_mut(4);
    number.copy_from_slice(&database.0.to_be_bytes());
    let (tag, address) = rest.split_at_mut(1);
    tag.fill(CONTENT_TAG);
    address.copy_from_slice(content);
    key
}

/// Fills `key` with the key of a reference in `attachments`.
pub(crate) fn write_reference_key(
    key: &mut Vec<u8>,
    database: DatabaseId,
    content: &[u8; 32],
    user: (&str, u64),
) {
    key.clear();
    key.extend_from_slice(&database.0.to_be_bytes());
    key.push(REFERENCE_TAG);
    key.extend_from_slice(content);
    key.extend_from_slice(user.0.as_bytes());
    key.extend_from_slice(&user.1.to_be_bytes());
}

/// The key of a chunk in `chunks`.
pub(crate) fn chunk_key(database: DatabaseId, upload: &[u8; 16], number: u32) -> [u8; 24] {
    let mut key = [0; 24];
    let (prefix, rest) = key.split_at_mut(4);
    prefix.copy_from_slice(&database.0.to_be_bytes());
    let (name, place) = rest.split_at_mut(16);
    name.copy_from_slice(upload);
    place.copy_from_slice(&number.to_be_bytes());
    key
}

/// The key of the state of an upload without address in `attachments`.
pub(crate) fn upload_key(database: DatabaseId, upload: &[u8; 16]) -> [u8; 21] {
    let mut key = [0; 21];
    let (number, rest) = key.split_at_mut(4);
    number.copy_from_slice(&database.0.to_be_bytes());
    let (tag, name) = rest.split_at_mut(1);
    tag.fill(UPLOAD_TAG);
    name.copy_from_slice(upload);
    key
}

/// The prefix that the states of all uploads without address have in `attachments`.
pub(crate) fn uploads_prefix(database: DatabaseId) -> [u8; 5] {
    let [a, b, c, d] = database.0.to_be_bytes();
    [a, b, c, d, UPLOAD_TAG]
}

/// What stands under a key of `attachments`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AttachmentKey {
    /// A content, by its address.
    Content([u8; 32]),
    /// That the body of a document at a sequence refers to a content.
    Reference { content: [u8; 32], id: String, sequence: u64 },
    /// An upload without address.
    Upload([u8; 16]),
}

/// Reads a key of `attachments`.
pub(crate) fn attachment_of(key: &[u8]) -> Option<AttachmentKey> {
    let (&tag, rest) = key.get(4..)?.split_first()?;
    match tag {
        CONTENT_TAG => Some(AttachmentKey::Content(rest.try_into().ok()?)),
        UPLOAD_TAG => Some(AttachmentKey::Upload(rest.try_into().ok()?)),
        REFERENCE_TAG => {
            let (content, rest) = rest.split_first_chunk::<32>()?;
            let (id, sequence) = rest.split_last_chunk::<8>()?;
            Some(AttachmentKey::Reference {
                content: *content,
                id: std::str::from_utf8(id).ok()?.to_owned(),
                sequence: u64::from_be_bytes(*sequence),
            })
        }
        _ => None,
    }
}

/// The prefix that all references to a content have in `attachments`.
pub(crate) fn reference_prefix(database: DatabaseId, content: &[u8; 32]) -> [u8; 37] {
    let mut key = content_key(database, content);
    if let Some(tag) = key.get_mut(4) {
        *tag = REFERENCE_TAG;
    }
    key
}

/// The prefix that all chunks of an upload have in `chunks`.
pub(crate) fn chunk_prefix(database: DatabaseId, upload: &[u8; 16]) -> [u8; 20] {
    let mut key = [0; 20];
    let (number, name) = key.split_at_mut(4);
    number.copy_from_slice(&database.0.to_be_bytes());
    name.copy_from_slice(upload);
    key
}
