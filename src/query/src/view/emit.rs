//! What a document emitted, as the rows of one view.

use refuge_document::partition_of;
use xxhash_rust::xxh3::Xxh3;

use super::row::{NewRow, ROW_KEY_LIMIT_BYTES, StoredRow, write_row_key};
use crate::collation::{Collation, KeyError, NoCollation, SortKeys, partition_prefix};

/// One call of `emit`, as JSON texts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Emit<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

/// Why an emitted row is not in the index; the document's other rows are.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RowError {
    /// There is no sort key.
    #[error("document {document:?}: a row is left out: {reason}")]
    Key {
        /// The document's id.
        document: String,
        /// What is wrong with the key.
        reason: KeyError,
    },
    /// The key and the document's id are too long together.
    #[error(
        "document {document:?}: a row is left out, its key and the document's id take {bytes} \
         bytes, of which {ROW_KEY_LIMIT_BYTES} are allowed: use a shorter key"
    )]
    TooLong {
        /// The document's id.
        document: String,
        /// How long the row's key would be.
        bytes: usize,
    },
    /// More than 65,536 rows of one key.
    #[error(
        "document {document:?}: {rows} rows are left out, as it emits more than 65,536 of one \
         key: emit different keys"
    )]
    TooMany {
        /// The document's id.
        document: String,
        /// How many rows are left out.
        rows: usize,
    },
}

/// A document's rows in one view.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DocumentRows {
    /// The rows, in the order of their keys.
    pub rows: Vec<NewRow>,
    /// What is left out.
    pub refused: Vec<RowError>,
}

/// Makes the rows of one view. Any number of threads may use it.
#[derive(Debug)]
pub struct RowMaker {
    keys: SortKeys,
    values: SortKeys,
    seed: u64,
    partitioned: bool,
}

/// An emit on its way to a row.
struct Sorted<'a> {
    sort_key: Vec<u8>,
    emit: Emit<'a>,
}

impl RowMaker {
    /// `seed` keys the fingerprints of rows; it is the index's secret.
    ///
    /// # Errors
    /// [`NoCollation`].
    pub fn new(collation: Collation, seed: u64) -> Result<Self, NoCollation> {
        let (keys, values) = (SortKeys::new(collation)?, SortKeys::new(Collation::Raw)?);
        Ok(Self { keys, values, seed, partitioned: false })
    }

    /// The same for a view whose rows stand by the partition that their document's id names.
    #[must_use]
    pub fn by_partition(self) -> Self {
        Self { partitioned: true, ..self }
    }

    /// What makes the sort keys of this view.
    #[must_use]
    pub fn keys(&self) -> &SortKeys {
        &self.keys
    }

    /// The rows of what `document` emitted. It depends on the emits only as a set. Of a document in no
    /// partition there are none where rows stand by partition.
    #[must_use]
    pub fn rows(&self, document: &str, emits: &[Emit<'_>]) -> DocumentRows {
        let mut made = DocumentRows::default();
        let prefix = match (self.partitioned, partition_of(document)) {
            (false, _) => Vec::new(),
            (true, Some(partition)) => partition_prefix(partition),
            (true, None) => return made,
        };
        let mut sorted = Vec::with_capacity(emits.len());
        for emit in emits {
            let mut sort_key = Vec::with_capacity(prefix.len() + 2 * emit.key.len() + 8);
            sort_key.extend_from_slice(&prefix);
            match self.keys.append(&mut sort_key, emit.key) {
                Ok(()) => sorted.push(Sorted { sort_key, emit: *emit }),
                Err(reason) => {
                    made.refused.push(RowError::Key { document: document.to_owned(), reason });
                }
            }
        }
        sorted.sort_by(|left, right| left.sort_key.cmp(&right.sort_key));
        made.rows.reserve(sorted.len());
        for equal in sorted.chunk_by_mut(|left, right| left.sort_key == right.sort_key) {
            self.add_equal(&mut made, document, equal);
        }
        made
    }

    /// Adds rows whose sort keys are equal.
    fn add_equal(&self, made: &mut DocumentRows, document: &str, equal: &mut [Sorted<'_>]) {
        if equal.len() > 1 {
            equal.sort_by_cached_key(|row| self.value_order(row.emit));
        }
        for (index, row) in equal.iter().enumerate() {
            let Ok(ordinal) = u16::try_from(index) else {
                let rows = equal.len() - index;
                made.refused.push(RowError::TooMany { document: document.to_owned(), rows });
                return;
            };
            match self.row(document, row, ordinal) {
                Ok(row) => made.rows.push(row),
                Err(error) => made.refused.push(error),
            }
        }
    }

    /// By what the rows of equal keys are sorted: the raw order of their values; of such as have no
    /// sort key, or equal ones, by their text.
    fn value_order(&self, emit: Emit<'_>) -> (bool, Vec<u8>, Vec<u8>, Vec<u8>) {
        let sort_key = self.values.key(emit.value);
        let none = sort_key.is_err();
        (none, sort_key.unwrap_or_default(), emit.value.to_vec(), emit.key.to_vec())
    }

    fn row(&self, document: &str, row: &Sorted<'_>, ordinal: u16) -> Result<NewRow, RowError> {
        let mut key = Vec::with_capacity(row.sort_key.len() + document.len() + 3);
        write_row_key(&mut key, &row.sort_key, document, ordinal);
        if key.len() > ROW_KEY_LIMIT_BYTES {
            return Err(RowError::TooLong { document: document.to_owned(), bytes: key.len() });
        }
        let Emit { key: key_json, value } = row.emit;
        let (encoded, apart) = StoredRow::encode(key_json, value);
        let mut hash = Xxh3::with_seed(self.seed);
        hash.update(&key_json.len().to_le_bytes());
        hash.update(key_json);
        hash.update(value);
        Ok(NewRow { key, row: encoded, apart, fingerprint: hash.digest() })
    }
}
