//! Groups of rows: which key belongs to which, and the key that a group is shown with.

use std::num::NonZeroUsize;

use refuge_document::json::tokens;

use crate::collation::{array_prefix, sort_key_length};
use crate::format::FormatError;

/// How keys are put together. (`group_level=0` is no groups: one reduction of a range.)
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupLevel {
    /// `group=true`: by whole keys.
    Exact,
    /// `group_level`: arrays by so many of their first elements, everything else by whole keys.
    Elements(NonZeroUsize),
}

impl GroupLevel {
    /// What a row's group has in common, at the beginning of the row's key.
    ///
    /// # Errors
    /// [`FormatError::Damaged`] where it is no row's key.
    pub fn prefix(self, row_key: &[u8]) -> Result<&[u8], FormatError> {
        let length = match self {
            Self::Exact => sort_key_length(row_key),
            Self::Elements(elements) => array_prefix(row_key, elements.get()),
        };
        length.and_then(|length| row_key.get(..length)).ok_or(FormatError::Damaged)
    }
}

/// The key that the group of a row is shown with, given the key that was emitted: JSON.
#[must_use]
pub fn group_key(level: GroupLevel, key: &[u8]) -> Vec<u8> {
    let GroupLevel::Elements(elements) = level else { return key.to_vec() };
    first_elements(key, elements.get()).unwrap_or_else(|| key.to_vec())
}

/// An array without what stands behind its first elements; `None` if it is no such array.
fn first_elements(key: &[u8], elements: usize) -> Option<Vec<u8>> {
    if key.first() != Some(&b'[') {
        return None;
    }
    let mut walk = tokens(key).ok()?;
    walk.next()?.ok()?;
    let mut seen = 0;
    while walk.next()?.is_ok() {
        // Behind an element, and not within it.
        seen += usize::from(walk.depth() == 1);
        if seen == elements {
            let mut out = key.get(..walk.offset())?.to_vec();
            out.push(b']');
            return Some(out);
        }
    }
    None
}
