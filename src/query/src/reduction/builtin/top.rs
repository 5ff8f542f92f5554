//! `_top_N` and `_bottom_N`: the largest or smallest values, in the Unicode order of views; of values
//! that collate equal, by their text.

use refuge_document::json::elements;

use super::Failure;
use crate::collation::{KeyError, SortKeys};

/// Keeps the largest or smallest.
#[derive(Debug)]
pub(super) struct Top {
    pub(super) keys: SortKeys,
    pub(super) count: usize,
    /// The largest; else the smallest.
    pub(super) largest: bool,
}

impl Top {
    /// The array of the extreme ones of values.
    pub(super) fn of_values<'a>(
        &self,
        values: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Vec<u8>, Failure> {
        let mut sorted = Vec::new();
        for value in values {
            sorted.push((self.key(value)?, value));
        }
        sorted.sort_unstable();
        if self.largest {
            sorted.reverse();
        }
        let mut out = vec![b'['];
        for (index, (_, value)) in sorted.iter().take(self.count).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(value);
        }
        out.push(b']');
        Ok(out)
    }

    /// The array of the extreme ones of what such arrays hold.
    pub(super) fn of_arrays<'a>(
        &self,
        arrays: impl Iterator<Item = &'a [u8]>,
    ) -> Result<Vec<u8>, Failure> {
        let not_json = |_| Failure::invalid_value("a value is not JSON".to_owned());
        let mut values = Vec::new();
        for array in arrays {
            for element in elements(array).map_err(not_json)? {
                values.push(element.map_err(not_json)?);
            }
        }
        self.of_values(values.into_iter())
    }

    fn key(&self, value: &[u8]) -> Result<Vec<u8>, Failure> {
        self.keys
            .key(value)
            .map_err(|KeyError::Json(_)| Failure::invalid_value("a value is not JSON".to_owned()))
    }
}
