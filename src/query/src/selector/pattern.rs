//! `$regex`: patterns that are compiled once and cannot run away. What else a field can be asked
//! does not belong here.

use std::sync::Arc;

use fancy_regex::{Regex, RegexBuilder};

use crate::mango::MangoError;

/// Longest pattern, in bytes.
const PATTERN_BYTES: usize = 8_192;

/// Largest compiled part of a pattern, in bytes.
const COMPILED_BYTES: usize = 1 << 20;

/// Most steps back in one search (about 20 ms); a value that needs more does not match, as one
/// beyond PCRE's limit does not in CouchDB.
const BACKTRACK_LIMIT: usize = 100_000;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    source: String,
    regex: Arc<Regex>,
}

impl Pattern {
    /// Compiles a pattern; one that is wrong, or larger than [`COMPILED_BYTES`], is a bad argument.
    pub(crate) fn compile(source: &str) -> Result<Self, MangoError> {
        if source.len() > PATTERN_BYTES {
            return Err(MangoError::PatternTooLong(PATTERN_BYTES));
        }
        let regex = RegexBuilder::new(source)
            .backtrack_limit(BACKTRACK_LIMIT)
            .delegate_size_limit(COMPILED_BYTES)
            .build()
            .map_err(|_| MangoError::BadArgument("$regex", source.into()))?;
        Ok(Self { source: source.to_owned(), regex: Arc::new(regex) })
    }

    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// Whether a part of the text matches within the limit.
    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text).unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_end_at_the_limit_of_steps_back() {
        // One step back for each letter; the text matches where nobody counts them.
        let pattern = Pattern::compile("^(?:a(?=[ab]))*?b").unwrap();
        let text = |letters| "a".repeat(letters) + "b";
        assert!(pattern.is_match(&text(BACKTRACK_LIMIT)));
        assert!(!pattern.is_match(&text(BACKTRACK_LIMIT + 1)));
    }
}
