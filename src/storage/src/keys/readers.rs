//! Keys of `readers`, the indexes by who may read a document: for each name or role, the documents by the
//! sequence of their last change and by their ids.

use crate::database::DatabaseId;

/// Tag of rows by sequence.
const CHANGE_TAG: u8 = 1;
/// Tag of rows by id.
const DOCUMENT_TAG: u8 = 2;

/// Bytes in front of a principal: the database's number, a tag, and the principal's length.
const BEFORE_PRINCIPAL: usize = 7;

/// What all rows by sequence of a principal begin with.
fn reader_changes_prefix(database: DatabaseId, principal: &str) -> Vec<u8> {
    prefix(CHANGE_TAG, database, principal, 8)
}

/// What all rows by id of a principal begin with.
pub(crate) fn reader_documents_prefix(database: DatabaseId, principal: &str) -> Vec<u8> {
    prefix(DOCUMENT_TAG, database, principal, 48)
}

fn prefix(tag: u8, database: DatabaseId, principal: &str, room: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(BEFORE_PRINCIPAL + principal.len() + room);
    key.extend_from_slice(&database.0.to_be_bytes());
    key.push(tag);
    // Its length stands in front of it, so that no principal is the beginning of another. It is at most
    // 256 bytes long.
    key.extend_from_slice(&(principal.len() as u16).to_be_bytes());
    key.extend_from_slice(principal.as_bytes());
    key
}

/// The key of a row by sequence.
pub(crate) fn reader_change_key(database: DatabaseId, principal: &str, sequence: u64) -> Vec<u8> {
    let mut key = reader_changes_prefix(database, principal);
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

/// The key of a row by id.
pub(crate) fn reader_document_key(database: DatabaseId, principal: &str, id: &str) -> Vec<u8> {
    let mut key = reader_documents_prefix(database, principal);
    key.extend_from_slice(id.as_bytes());
    key
}

/// What stands under a key of `readers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReaderKey {
    /// A change, by its sequence.
    Change { principal: String, sequence: u64 },
    /// A document, by its id.
    Document { principal: String, id: String },
}

/// Reads a key of `readers`.
pub(crate) fn reader_of(key: &[u8]) -> Option<ReaderKey> {
    let (&tag, rest) = key.get(4..)?.split_first()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (principal, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let principal = std::str::from_utf8(principal).ok()?.to_owned();
    match tag {
        CHANGE_TAG => {
            let sequence = u64::from_be_bytes(rest.try_into().ok()?);
            Some(ReaderKey::Change { principal, sequence })
        }
        DOCUMENT_TAG => {
            let id = std::str::from_utf8(rest).ok()?.to_owned();
            Some(ReaderKey::Document { principal, id })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_back_and_no_principal_stands_among_anothers() {
        let database = DatabaseId(7);
        let key = reader_change_key(database, "anna", 12);
        let change = ReaderKey::Change { principal: "anna".to_owned(), sequence: 12 };
        assert_eq!(reader_of(&key), Some(change));
        let key = reader_document_key(database, "", "a\u{0}b");
        let document = ReaderKey::Document { principal: String::new(), id: "a\u{0}b".to_owned() };
        assert_eq!(reader_of(&key), Some(document));
        let short = reader_documents_prefix(database, "a");
        assert!(!reader_document_key(database, "ab", "c").starts_with(&short));
        assert_eq!(reader_of(&short[..5]), None);
    }
}
