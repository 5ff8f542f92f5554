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
//! | `attachments` | 1, address → content; 2, address, document id, sequence → reference |
//! | `chunks` | upload, chunk number (four bytes, big-endian) |
//!
//! `databases` begins with a tag instead (see [`RegistryKey`]); `node` holds plain names.

use crate::database::DatabaseId;

/// Tag of a content record in `attachments`.
const CONTENT_TAG: u8 = 1;
/// Tag of a reference in `attachments`.
const REFERENCE_TAG: u8 = 2;

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

/// The prefix that all keys of a database have.
pub(crate) fn database_prefix(database: DatabaseId) -> [u8; 4] {
    database.0.to_be_bytes()
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
