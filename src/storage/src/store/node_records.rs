//! Reading the small records of the node itself.

use std::ops::Bound;

use fjall::Readable;

use super::Store;
use crate::error::StorageError;
use crate::records;

/// Which records of the node are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeRange<'a> {
    /// What their keys begin with.
    pub prefix: &'a str,
    /// A whole key: only those behind it are read, whether it is there or not.
    pub after: Option<&'a str>,
    /// Most records.
    pub limit: usize,
}

impl Store {
    /// A record of the node.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn node(&self, key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let snapshot = self.snapshot()?;
        let row = snapshot.get(&snapshot.shared().keyspaces.node, key)?;
        row.map(|row| records::opaque("node", &row).map(<[u8]>::to_vec)).transpose()
    }

    /// The records of the node whose key begins with `prefix`, in order of their keys.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn node_records(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        self.node_range(&NodeRange { prefix, after: None, limit: usize::MAX })
    }

    /// Some of the records of the node, in order of their keys.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn node_range(
        &self,
        range: &NodeRange<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        let snapshot = self.snapshot()?;
        let keyspace = &snapshot.shared().keyspaces.node;
        // Keys of a prefix stand together, and none of them stands before the prefix itself.
        let from = match range.after {
            Some(after) if after >= range.prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(range.prefix),
        };
        let rows = snapshot.view().range::<&str, _>(keyspace, (from, Bound::Unbounded));
        within_prefix(rows.take(range.limit), range.prefix)
    }

    /// Records of the node whose key begins with `prefix`, against the order of their keys: from the one
    /// before `before`, a whole key, or from the last on; at most `limit`.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn node_range_descending(
        &self,
        prefix: &str,
        before: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
        let snapshot = self.snapshot()?;
        let keyspace = &snapshot.shared().keyspaces.node;
        // No key holds this character, so behind it stands nothing that begins with the prefix.
        let beyond = format!("{prefix}{}", char::MAX);
        let end = before.map_or(beyond.as_str(), |before| before.min(&beyond));
        if end <= prefix {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(prefix), Bound::Excluded(end));
        let rows = snapshot.view().range::<&str, _>(keyspace, bounds);
        within_prefix(rows.rev().take(limit), prefix)
    }
}

/// The rows up to the first whose key does not begin with `prefix`.
fn within_prefix(
    rows: impl Iterator<Item = fjall::Guard>,
    prefix: &str,
) -> Result<Vec<(String, Vec<u8>)>, StorageError> {
    let mut found = Vec::new();
    for guard in rows {
        let (key, row) = guard.into_inner()?;
        let key = std::str::from_utf8(&key).map_err(|_| StorageError::Record {
            keyspace: "node",
            reason: "its key is not UTF-8",
        })?;
        if !key.starts_with(prefix) {
            break;
        }
        found.push((key.to_owned(), records::opaque("node", &row).map(<[u8]>::to_vec)?));
    }
    Ok(found)
}
