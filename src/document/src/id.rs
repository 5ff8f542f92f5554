//! What names documents, databases and attachments may have, with CouchDB's wording where they may
//! not. Whether the named thing exists is not asked here.

/// Longest document id, in bytes: ids are parts of keys in the store, and those end at 64 KiB.
const DOCUMENT_ID_LIMIT_BYTES: usize = 32 * 1024;

/// Longest name of a database, in bytes: CouchDB's default of `max_db_name_length`.
const DATABASE_NAME_LIMIT_BYTES: usize = 238;

/// The database of the nodes that a node knows: there is one, so no other name may end like it.
const PEERS: &str = "_peers";

/// The database of users.
pub const USERS: &str = "_users";

/// What stands before a user's name in the id of the user's document.
pub const USER_PREFIX: &str = "org.couchdb.user:";

/// The database whose documents ask for replications.
pub const REPLICATOR: &str = "_replicator";

/// Databases of the system, allowed although they start with an underscore.
const SYSTEM_DATABASES: [&str; 3] = [USERS, REPLICATOR, "_global_changes"];

/// A name that must not be used.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdError {
    /// The empty document id.
    #[error("Document id must not be empty")]
    Empty,
    /// Longer than 32 KiB.
    #[error("Document id is too long")]
    TooLong,
    /// `_id` is something else than a string.
    #[error("Document id must be a string")]
    NotAString,
    /// `_design/` or `_local/` with nothing behind it.
    #[error("Illegal document id `{0}`")]
    PrefixAlone(&'static str),
    /// Starts with `_`, and is neither a design nor a local document.
    #[error("Only reserved document ids may start with underscore.")]
    Reserved,
    /// Without a partition in a database where every document has one.
    #[error("Doc id must be of form partition:id")]
    Unpartitioned,
    /// A partition without a name.
    #[error("Partition must not be empty")]
    PartitionEmpty,
    /// A partition's name that starts with `_`.
    #[error("Partition must not start with an underscore")]
    PartitionReserved,
    /// A partition's name with a colon in it.
    #[error("Partition must not contain a colon")]
    PartitionSeparator,
    /// Not a name for a database.
    #[error(
        "Name: '{0}'. Only lowercase characters (a-z), digits (0-9), and any of the characters \
         _, $, (, ), +, -, and / are allowed. Must begin with a letter."
    )]
    Database(String),
    /// Longer than 238 bytes.
    #[error("At least one path segment of `{0}` is too long.")]
    DatabaseTooLong(String),
    /// An attachment without a name.
    #[error("Attachment name must not be empty")]
    AttachmentEmpty,
    /// An attachment's name that starts with `_`.
    #[error("Attachment name '{0}' starts with prohibited character '_'")]
    AttachmentReserved(String),
}

impl IdError {
    /// CouchDB's name of the error.
    pub fn error(&self) -> &'static str {
        match self {
            Self::Database(_) => "illegal_database_name",
            Self::DatabaseTooLong(_) => "database_name_too_long",
            Self::AttachmentEmpty | Self::AttachmentReserved(_) => "bad_request",
            Self::PartitionEmpty | Self::PartitionReserved | Self::PartitionSeparator => {
                "illegal_partition"
            }
            _ => "illegal_docid",
        }
    }
}

/// Whether a document may have this id. Source: CouchDB's `couch_doc:validate_docid`.
pub fn check_document_id(id: &str) -> Result<(), IdError> {
    match id {
        "" => Err(IdError::Empty),
        "_design/" => Err(IdError::PrefixAlone("_design/")),
        "_local/" => Err(IdError::PrefixAlone("_local/")),
        _ if id.len() > DOCUMENT_ID_LIMIT_BYTES => Err(IdError::TooLong),
        _ if id.starts_with("_design/") || id.starts_with("_local/") => Ok(()),
        _ if id.starts_with('_') => Err(IdError::Reserved),
        _ => Ok(()),
    }
}

/// Whether a database may have this name: `^[a-z][a-z0-9_$()+/-]*$`, or one of the system's names,
/// alone or as the last segment of such a name, in at most 238 bytes.
pub fn check_database_name(name: &str) -> Result<(), IdError> {
    let plain = match name.rsplit_once('/') {
        Some((before, last)) if SYSTEM_DATABASES.contains(&last) => before,
        None if SYSTEM_DATABASES.contains(&name) || name == PEERS => return Ok(()),
        _ => name,
    };
    let mut bytes = plain.bytes();
    if !bytes.next().is_some_and(|first| first.is_ascii_lowercase()) || !bytes.all(is_allowed) {
        return Err(IdError::Database(name.to_owned()));
    }
    if name.len() > DATABASE_NAME_LIMIT_BYTES {
        return Err(IdError::DatabaseTooLong(name.to_owned()));
    }
    Ok(())
}

fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'$' | b'(' | b')' | b'+' | b'/' | b'-')
}

/// Whether an attachment may have this name.
pub fn check_attachment_name(name: &str) -> Result<(), IdError> {
    if name.is_empty() {
        return Err(IdError::AttachmentEmpty);
    }
    if name.starts_with('_') {
        return Err(IdError::AttachmentReserved(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_ids_follow_couchdb() {
        for good in ["a", "_design/x", "_local/y", "A b/c", "日本"] {
            assert_eq!(check_document_id(good), Ok(()), "{good}");
        }
        for bad in ["", "_x", "_design/", "_local/", "_designer"] {
            assert!(check_document_id(bad).is_err(), "{bad}");
        }
        assert!(check_document_id(&"x".repeat(40_000)).is_err());
    }

    #[test]
    fn database_names_follow_couchdb() {
        for good in [
            "a",
            "a0_$()+/-",
            "_users",
            "_replicator",
            "_peers",
            "_global_changes",
            "a/_users",
            "x/y/_replicator",
        ] {
            assert_eq!(check_database_name(good), Ok(()), "{good}");
        }
        for bad in ["", "A", "0a", "_x", "a.b", "é", "/_users", "A/_users", "_users/a"] {
            assert!(check_database_name(bad).is_err(), "{bad}");
        }
        assert_eq!(check_database_name(&"a".repeat(238)), Ok(()));
        assert!(check_database_name(&"a".repeat(239)).is_err());
    }

    #[test]
    fn attachment_names_do_not_start_with_an_underscore() {
        assert_eq!(check_attachment_name("a/b.txt"), Ok(()));
        assert!(check_attachment_name("_a").is_err());
        assert!(check_attachment_name("").is_err());
    }
}
