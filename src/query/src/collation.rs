//! The order of JSON values, as bytes: `memcmp` of two sort keys is CouchDB's comparison of the two
//! values. What rows are made of the keys does not belong here.
//!
//! A sort key ends by itself, so keys can stand behind one another and before other bytes: a tag,
//! then
//!
//! | value | behind the tag |
//! |---|---|
//! | null, false, true | nothing |
//! | number | the double, big-endian, its sign flipped (negative: all bits), −0 as 0 |
//! | string, Unicode | its sort key in ICU's root collation, `00` |
//! | string, raw | its bytes, where `00` is `01 01` and `01` is `01 02`, then `00` |
//! | array | the elements' keys, `00` |
//! | object | name and value of each member in the order in which they are written, `00` |
//!
//! Before a key may stand the partition whose rows are kept together ([`partition_prefix`]): a tag of its
//! own, the name as raw strings are, `00`. Then the key with it counts as one.
//!
//! All tags lie between `00` and `FF`, neither of which begins what follows a key in a row: so a
//! shorter array is before a longer one, and `prefix FF` is behind everything that begins with
//! `prefix`, be that a whole key or an array cut off behind some of its elements.
//!
//! A string whose ICU key is longer than [`STRING_LIMIT_BYTES`] is cut off there, and 32 hexadecimal
//! digits of a hash of all of it follow: strings that collate equal still have equal keys and others
//! do not, and only strings that agree in their first 8 KiB of key stand in another order than
//! CouchDB's. (8 KiB are more than 4,000 characters of any script.) A whole key that is longer than
//! [`SORT_KEY_LIMIT_BYTES`] is cut off between two of its values, and likewise the hash of all of it stands
//! where the rest would, as one more element: arrays and objects that agree that far stand in another order
//! than CouchDB's, and where the place of the cut lies within the elements of a `group_level`, each is a group of
//! its own. The place is never before the first 23,000 bytes, less one for each level of depth.
//!
//! Sources: CouchDB's documentation of view collation, and its comparison of EJSON terms; raw order
//! is Erlang's order of those terms.
//!
//! ```
//! use refuge_query::collation::{Collation, SortKeys};
//!
//! let keys = SortKeys::new(Collation::Unicode)?;
//! assert!(keys.key(br#"["a", 10]"#)? < keys.key(br#"["A", 2]"#)?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cut;
mod encoder;
mod layout;
mod root;

pub use encoder::SortKeys;
pub use layout::{
    SORT_KEY_LIMIT_BYTES, STRING_LIMIT_BYTES, array_prefix, behind, partition_prefix,
    sort_key_length,
};

pub(crate) use layout::{escape, unescape};
pub(crate) use root::root_collator;

use refuge_document::json::JsonError;

/// Versions of ICU's collator and of the data that it goes by.
pub const COLLATOR_VERSIONS: (&str, &str) = ("2.4.0", "cldr-49");

/// Which order.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Collation {
    /// null, false, true, numbers, strings by ICU's root collation, arrays, objects.
    #[default]
    Unicode,
    /// A view's `"collation": "raw"`: numbers, false, null, true, objects, arrays, strings by bytes.
    Raw,
}

impl Collation {
    /// What an index stores beside its rows: the format of the keys and the data they were made
    /// with. An index that holds another text than this has to be built anew.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Self::Unicode => "2 icu_collator-2.4.0 cldr-49",
            Self::Raw => "2 raw",
        }
    }
}

/// Why there is no sort key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    /// Not JSON.
    #[error("the key is not JSON: {0}")]
    Json(#[from] JsonError),
}

/// The collation's data could not be read; it is part of the program, so this does not happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the Unicode collation's data cannot be read: this build of refuge is damaged")]
pub struct NoCollation;

#[cfg(test)]
pub(crate) mod tests;
