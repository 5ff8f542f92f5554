//! Keys of the keyspaces of indexes.
//!
//! `indexes`: a tag and what it is of. All others: the number of the index (four bytes, big-endian), then
//! what is opaque here.

use super::IndexNumber;
use crate::database::DatabaseId;

/// The tags of `indexes`.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum RegistryTag {
    /// Database (4), signature (16) → number and definition.
    Definition = 1,
    /// Number (4) → state.
    State = 2,
    /// Number (4) of an index whose rows are being removed.
    Dropping = 3,
    /// The next number.
    NextNumber = 4,
}

/// The key of a definition.
pub(super) fn definition_key(database: DatabaseId, signature: &[u8; 16]) -> Vec<u8> {
    let mut key = definitions_prefix(Some(database));
    key.extend_from_slice(signature);
    key
}

/// What all keys of definitions begin with, or those of one database.
pub(super) fn definitions_prefix(database: Option<DatabaseId>) -> Vec<u8> {
    let mut key = vec![RegistryTag::Definition as u8];
    if let Some(database) = database {
        key.extend_from_slice(&database.0.to_be_bytes());
    }
    key
}

/// The database and the signature in the key of a definition.
pub(super) fn definition_of(key: &[u8]) -> Option<(DatabaseId, [u8; 16])> {
    let (number, signature) = key.get(1..)?.split_first_chunk::<4>()?;
    Some((DatabaseId(u32::from_be_bytes(*number)), signature.try_into().ok()?))
}

/// The key of what is known of an index by its number.
pub(super) fn number_key(tag: RegistryTag, index: IndexNumber) -> [u8; 5] {
    let [a, b, c, d] = index.0.to_be_bytes();
    [tag as u8, a, b, c, d]
}

/// The key of the next number.
pub(super) const NEXT_NUMBER_KEY: [u8; 1] = [RegistryTag::NextNumber as u8];

/// The number in a key that begins with a tag.
pub(super) fn number_of(key: &[u8]) -> Option<IndexNumber> {
    let (number, _) = key.get(1..)?.split_first_chunk::<4>()?;
    Some(IndexNumber(u32::from_be_bytes(*number)))
}

/// Fills `full` with the key of a row.
pub(super) fn write_row_key(full: &mut Vec<u8>, index: IndexNumber, key: &[u8]) {
    full.clear();
    full.extend_from_slice(&index.0.to_be_bytes());
    full.extend_from_slice(key);
}

/// The key of a row.
pub(super) fn row_key(index: IndexNumber, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(4 + key.len());
    write_row_key(&mut full, index, key);
    full
}

/// The first key behind all rows of an index; `None` behind the last index.
pub(super) fn behind(index: IndexNumber) -> Option<Vec<u8>> {
    index.0.checked_add(1).map(|next| next.to_be_bytes().to_vec())
}
