//! Partitions of a partitioned database: a document's id there is `partition:key`. What a database does
//! with its partitions does not belong here.

use crate::id::{IdError, check_document_id};

/// Stands between a partition and the rest of an id.
const SEPARATOR: char = ':';

/// What is behind the separator in the order of bytes: all ids of a partition lie between the two.
const BEHIND_SEPARATOR: char = ';';

/// The partition that an id names; `None` for design documents, local ones, and ids without one.
#[must_use]
pub fn partition_of(id: &str) -> Option<&str> {
    let (partition, _) = id.split_once(SEPARATOR)?;
    (!partition.starts_with('_')).then_some(partition)
}

/// The place before the first id of a partition, and the one behind its last.
#[must_use]
pub fn partition_bounds(partition: &str) -> (String, String) {
    (format!("{partition}{SEPARATOR}"), format!("{partition}{BEHIND_SEPARATOR}"))
}

/// Whether a partition may have this name. Source: CouchDB's `couch_partition:validate_partition`.
pub fn check_partition(name: &str) -> Result<(), IdError> {
    match name {
        "" => Err(IdError::PartitionEmpty),
        _ if name.starts_with('_') => Err(IdError::PartitionReserved),
        _ if name.contains(SEPARATOR) => Err(IdError::PartitionSeparator),
        _ => Ok(()),
    }
}

/// Whether a document of a partitioned database may have this id. Source: CouchDB's
/// `couch_partition:validate_docid`.
pub fn check_partitioned_id(id: &str) -> Result<(), IdError> {
    check_document_id(id)?;
    if id.starts_with('_') {
        return Ok(());
    }
    let (partition, key) = id.split_once(SEPARATOR).ok_or(IdError::Unpartitioned)?;
    check_partition(partition)?;
    check_document_id(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_partitioned_databases_follow_couchdb() {
        for good in ["p:a", "p:a:b", "é:日本", "p::", "_design/x", "_local/y", "p:_design/x"] {
            assert_eq!(check_partitioned_id(good), Ok(()), "{good}");
        }
        let refused = |id: &str| check_partitioned_id(id).expect_err(id).to_string();
        assert_eq!(refused("a"), "Doc id must be of form partition:id");
        assert_eq!(refused("p:"), "Document id must not be empty");
        assert_eq!(refused(":a"), "Partition must not be empty");
        let reserved = "Only reserved document ids may start with underscore.";
        assert_eq!(refused("_p:a"), reserved);
        assert_eq!(refused("p:_a"), reserved);
        assert_eq!(refused("_design/"), "Illegal document id `_design/`");
    }

    #[test]
    fn the_ids_of_a_partition_lie_between_its_bounds() {
        let (from, to) = partition_bounds("p");
        for inside in ["p:a", "p::", "p:\u{10ffff}"] {
            assert_eq!(partition_of(inside), Some("p"));
            assert!(*inside > *from && *inside < *to, "{inside}");
        }
        for outside in ["p", "p!:a", "p0:a", "pp:a", "o:a", "q:a", "_design/p:a"] {
            assert_ne!(partition_of(outside), Some("p"));
            assert!(*outside < *from || *outside >= *to, "{outside}");
        }
    }

    #[test]
    fn names_of_partitions_follow_couchdb() {
        assert_eq!(check_partition("a b"), Ok(()));
        let refused = |name: &str| check_partition(name).expect_err(name);
        assert_eq!(refused("").error(), "illegal_partition");
        assert_eq!(refused("_find").to_string(), "Partition must not start with an underscore");
        assert_eq!(refused("a:b").to_string(), "Partition must not contain a colon");
    }
}
