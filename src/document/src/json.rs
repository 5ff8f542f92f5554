//! A strict scanner of JSON text (RFC 8259) that works on slices and never builds a tree of values:
//! stored text is spliced, not parsed and printed again. What members mean does not belong here.
//!
//! Beyond the grammar it refuses lone surrogates, numbers beyond the range of a double, and more
//! than [`DEPTH_LIMIT`] levels. No name of a member has a meaning of its own here.

mod cursor;
mod members;
mod normalise;
mod repeated;
mod text;
mod tokens;

pub use members::{Elements, Members, elements, members};
pub use normalise::normalise;
pub use text::{find_special, string, write_string};
pub use tokens::{Token, Tokens, tokens};

pub(crate) use cursor::Cursor;
pub(crate) use normalise::Normaliser;
pub(crate) use text::unescape_into;

/// Deepest nesting of arrays and objects that is accepted; it keeps every recursion over a document
/// far below the smallest stack.
pub const DEPTH_LIMIT: u32 = 512;

/// Text that is not JSON, or beyond what is accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{fault} at byte {offset}")]
pub struct JsonError {
    /// What is wrong.
    pub fault: JsonFault,
    /// Where it was seen, in bytes from the beginning.
    pub offset: usize,
}

/// What is wrong with a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum JsonFault {
    /// Not UTF-8.
    #[error("invalid UTF-8")]
    Utf8,
    /// A byte that cannot stand there, or the end of the text.
    #[error("unexpected byte or end")]
    Syntax,
    /// A control character or an unknown escape in a string.
    #[error("bad character or escape in a string")]
    Escape,
    /// Half of a surrogate pair.
    #[error("lone surrogate")]
    Surrogate,
    /// A number beyond the range of a double.
    #[error("number beyond the range of a double")]
    Range,
    /// More than 512 arrays and objects in one another.
    #[error("nested too deeply")]
    Depth,
    /// Something behind the value.
    #[error("text behind the value")]
    Trailing,
    /// Not an object (an array) where one was asked for.
    #[error("another kind of value was expected")]
    Kind,
}

#[cfg(test)]
mod tests;
