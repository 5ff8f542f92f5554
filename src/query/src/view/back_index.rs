//! What is remembered of a document's rows, so that they can be taken back when it changes.

use super::row::{NewRow, RowKey, write_row_key};
use crate::format::{FormatError, Reader, shared_prefix, write_varint};

const VERSION: u8 = 1;

/// A row that a document has in an index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OldRow {
    /// The row's key.
    pub key: Vec<u8>,
    /// The row's fingerprint.
    pub fingerprint: u64,
    /// Whether its value stands apart.
    pub apart: bool,
}

/// The rows that one document has in the views of one index: for each view that has any its number,
/// lowest first, and the rows in the order of their keys.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BackIndex {
    /// Views and rows.
    pub views: Vec<(u16, Vec<OldRow>)>,
}

impl BackIndex {
    /// What is to be remembered of new rows, given by view, lowest number first.
    #[must_use]
    pub fn of(views: &[(u16, &[NewRow])]) -> Self {
        let rows = |rows: &[NewRow]| {
            let old = |row: &NewRow| OldRow {
                key: row.key.clone(),
                fingerprint: row.fingerprint,
                apart: row.apart.is_some(),
            };
            rows.iter().map(old).collect()
        };
        let views = views.iter().filter(|(_, rows)| !rows.is_empty());
        Self { views: views.map(|(view, new)| (*view, rows(new))).collect() }
    }

    /// Whether the document has no rows, so that nothing needs to be stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.views.is_empty()
    }

    /// The rows in one view.
    #[must_use]
    pub fn rows(&self, view: u16) -> &[OldRow] {
        let found = self.views.iter().find(|(number, _)| *number == view);
        found.map_or(&[], |(_, rows)| rows)
    }

    /// The stored form, without the document's id, under which it is stored.
    ///
    /// # Errors
    /// [`FormatError::Damaged`] where a key is no row's key.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let mut out = vec![VERSION];
        for (view, rows) in &self.views {
            write_varint(&mut out, u64::from(*view));
            write_varint(&mut out, rows.len() as u64);
            let mut before: &[u8] = &[];
            for row in rows {
                let RowKey { sort_key, ordinal, .. } = RowKey::parse(&row.key)?;
                let shared = shared_prefix(before, sort_key);
                let differs = sort_key.get(shared..).unwrap_or_default();
                write_varint(&mut out, shared as u64);
                write_varint(&mut out, differs.len() as u64);
                out.extend_from_slice(differs);
                write_varint(&mut out, u64::from(ordinal) << 1 | u64::from(row.apart));
                out.extend_from_slice(&row.fingerprint.to_le_bytes());
                before = sort_key;
            }
        }
        Ok(out)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`FormatError`].
    pub fn decode(record: &[u8], document: &str) -> Result<Self, FormatError> {
        let mut reader = Reader::new(record, VERSION)?;
        let mut views = Vec::new();
        while !reader.is_empty() {
            let view = u16::try_from(reader.varint()?).map_err(|_| FormatError::Damaged)?;
            let count = reader.length()?;
            let mut sort_key = Vec::new();
            let mut rows = Vec::with_capacity(count);
            for _ in 0..count {
                rows.push(decode_row(&mut reader, &mut sort_key, document)?);
            }
            views.push((view, rows));
        }
        Ok(Self { views })
    }
}

fn decode_row(
    reader: &mut Reader<'_>,
    sort_key: &mut Vec<u8>,
    document: &str,
) -> Result<OldRow, FormatError> {
    let shared = usize::try_from(reader.varint()?).map_err(|_| FormatError::Damaged)?;
    if shared > sort_key.len() {
        return Err(FormatError::Damaged);
    }
    sort_key.truncate(shared);
    sort_key.extend_from_slice(reader.bytes()?);
    let mark = reader.varint()?;
    let ordinal = u16::try_from(mark >> 1).map_err(|_| FormatError::Damaged)?;
    let fingerprint = u64::from_le_bytes(reader.array()?);
    let mut key = Vec::with_capacity(sort_key.len() + document.len() + 3);
    write_row_key(&mut key, sort_key, document, ordinal);
    Ok(OldRow { key, fingerprint, apart: mark & 1 == 1 })
}

/// What has to be done to a view when one of its documents has changed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RowChanges {
    /// Rows that are new or have changed.
    pub put: Vec<NewRow>,
    /// Rows that have gone.
    pub removed: Vec<OldRow>,
    /// Keys of put rows whose value stood apart and does no longer.
    pub no_longer_apart: Vec<Vec<u8>>,
}

/// The difference between a document's rows in a view before and after. Both are in the order of
/// their keys. A row that is as it was is in neither list.
#[must_use]
pub fn row_changes(before: Vec<OldRow>, after: Vec<NewRow>) -> RowChanges {
    let mut changes = RowChanges::default();
    let mut before = before.into_iter().peekable();
    for row in after {
        while let Some(gone) = before.next_if(|old| old.key < row.key) {
            changes.removed.push(gone);
        }
        if let Some(old) = before.next_if(|old| old.key == row.key) {
            if old.fingerprint == row.fingerprint {
                continue;
            }
            if old.apart && row.apart.is_none() {
                changes.no_longer_apart.push(old.key);
            }
        }
        changes.put.push(row);
    }
    changes.removed.extend(before);
    changes
}
