//! Which rows a query's parameters ask for.

use crate::collation::{KeyError, SortKeys, behind, escape, partition_prefix};

/// Ends the document id in a row's key.
const DOCUMENT_END: u8 = 0x00;

/// Stands behind the rows of a document and before those of any other.
const DOCUMENT_BEHIND: u8 = 0x01;

/// CouchDB's parameters of a range. `key` is `start_key` and `end_key` at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RangeQuery<'a> {
    /// `startkey`, JSON.
    pub start_key: Option<&'a [u8]>,
    /// `startkey_docid`; it counts only with `startkey`.
    pub start_document: Option<&'a str>,
    /// `endkey`, JSON.
    pub end_key: Option<&'a [u8]>,
    /// `endkey_docid`; it counts only with `endkey`.
    pub end_document: Option<&'a str>,
    /// `inclusive_end`.
    pub inclusive_end: bool,
    /// `descending`: then the start is the upper end.
    pub descending: bool,
}

impl Default for RangeQuery<'_> {
    /// CouchDB's defaults: everything, ascending.
    fn default() -> Self {
        Self {
            start_key: None,
            start_document: None,
            end_key: None,
            end_document: None,
            inclusive_end: true,
            descending: false,
        }
    }
}

/// Parameters that make no range.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RangeError {
    /// A key that has no sort key.
    #[error("{parameter}: {reason}")]
    Key {
        /// CouchDB's name of the parameter.
        parameter: &'static str,
        /// What is wrong with it.
        reason: KeyError,
    },
}

/// A stretch of a view's row keys.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct KeyRange {
    /// The first place that belongs to it; empty: from the first row on.
    pub from: Vec<u8>,
    /// The first place behind it; `None`: up to the last row.
    pub to: Option<Vec<u8>>,
}

/// On which side of all that it names a place lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    Behind,
}

impl KeyRange {
    /// All rows.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The rows that a query asks for; none where its start is behind its end, which whoever asks
    /// refuses before. Source: CouchDB's documentation of
    /// `/{db}/_design/{ddoc}/_view/{view}`, and its view options of a fold.
    ///
    /// # Errors
    /// [`RangeError`].
    pub fn new(keys: &SortKeys, query: &RangeQuery<'_>) -> Result<Self, RangeError> {
        let start = sort_key(keys, "startkey", query.start_key)?;
        let end = sort_key(keys, "endkey", query.end_key)?;
        let (near, far) = match query.descending {
            false => (Side::Before, Side::Behind),
            true => (Side::Behind, Side::Before),
        };
        let start = start.map(|key| place(&key, query.start_document, near));
        let end = end.map(|key| {
            place(&key, query.end_document, if query.inclusive_end { far } else { near })
        });
        Ok(match query.descending {
            false => Self { from: start.unwrap_or_default(), to: end },
            true => Self { from: end.unwrap_or_default(), to: start },
        })
    }

    /// The rows whose keys begin with a sort key, or with an array's first elements
    /// ([`crate::collation::array_prefix`]).
    #[must_use]
    pub fn of_prefix(prefix: Vec<u8>) -> Self {
        let to = Some(behind(&prefix));
        Self { from: prefix, to }
    }

    /// The rows of a partition that are in this range of keys, in a view whose rows stand by partition.
    #[must_use]
    pub fn within_partition(&self, partition: &str) -> Self {
        let prefix = partition_prefix(partition);
        let to = match &self.to {
            Some(to) => [prefix.as_slice(), to].concat(),
            None => behind(&prefix),
        };
        Self { from: [prefix.as_slice(), &self.from].concat(), to: Some(to) }
    }

    /// Whether a row with this key belongs to it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.from.as_slice() && self.ends_behind(key)
    }

    /// Whether no row can belong to it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.ends_behind(&self.from)
    }

    /// What belongs to both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let to = match (&self.to, &other.to) {
            (Some(left), Some(right)) => Some(left.min(right).clone()),
            (left, right) => left.clone().or_else(|| right.clone()),
        };
        Self { from: self.from.clone().max(other.from.clone()), to }
    }

    /// Whether its end lies behind `place`.
    pub(crate) fn ends_behind(&self, place: &[u8]) -> bool {
        self.to.as_ref().is_none_or(|to| place < to.as_slice())
    }
}

fn sort_key(
    keys: &SortKeys,
    parameter: &'static str,
    json: Option<&[u8]>,
) -> Result<Option<Vec<u8>>, RangeError> {
    let made = json.map(|json| keys.key(json)).transpose();
    made.map_err(|reason| RangeError::Key { parameter, reason })
}

/// The place before or behind all rows of a key, or of a key and a document.
fn place(sort_key: &[u8], document: Option<&str>, side: Side) -> Vec<u8> {
    match (document, side) {
        (None, Side::Before) => sort_key.to_vec(),
        (None, Side::Behind) => behind(sort_key),
        (Some(document), side) => {
            let mut place = Vec::with_capacity(sort_key.len() + document.len() + 1);
            place.extend_from_slice(sort_key);
            escape(&mut place, document.as_bytes());
            place.push(if side == Side::Before { DOCUMENT_END } else { DOCUMENT_BEHIND });
            place
        }
    }
}
