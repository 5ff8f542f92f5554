//! From a JSON text to its sort key, in one pass.

use icu_collator::CollatorBorrowed;
use refuge_document::json::{Token, tokens};
use xxhash_rust::xxh3::xxh3_128;

use super::cut::Cut;
use super::layout::{END, Tags, escape, number_bytes};
use super::root::root_collator;
use super::{Collation, KeyError, NoCollation, STRING_LIMIT_BYTES};

/// Makes sort keys in one order. It is made once for an index; any number of threads may use it.
#[derive(Debug)]
pub struct SortKeys {
    collation: Collation,
    tags: Tags,
    collator: CollatorBorrowed<'static>,
}

impl SortKeys {
    /// An encoder.
    ///
    /// # Errors
    /// [`NoCollation`], where the program itself is damaged.
    pub fn new(collation: Collation) -> Result<Self, NoCollation> {
        Ok(Self { collation, tags: Tags::of(collation), collator: root_collator()? })
    }

    /// The order.
    #[must_use]
    pub fn collation(&self) -> Collation {
        self.collation
    }

    /// Appends the sort key of the value that `json` is.
    ///
    /// # Errors
    /// [`KeyError`]; `out` is then as it was.
    pub fn append(&self, out: &mut Vec<u8>, json: &[u8]) -> Result<(), KeyError> {
        let start = out.len();
        let result = self.append_value(out, json);
        if result.is_err() {
            out.truncate(start);
        }
        result
    }

    /// The sort key of the value that `json` is.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn key(&self, json: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut out = Vec::with_capacity(2 * json.len() + 8);
        self.append(&mut out, json)?;
        Ok(out)
    }

    fn append_value(&self, out: &mut Vec<u8>, json: &[u8]) -> Result<(), KeyError> {
        let mut cut = Cut::new(out.len());
        for token in tokens(json)? {
            match token? {
                Token::Null => out.push(self.tags.null),
                Token::Boolean(false) => out.push(self.tags.booleans[0]),
                Token::Boolean(true) => out.push(self.tags.booleans[1]),
                Token::Number(text) => {
                    out.push(self.tags.number);
                    out.extend_from_slice(&number_bytes(text.parse().unwrap_or(0.0)));
                }
                Token::String(text) | Token::Name(text) => self.append_string(out, &text),
                Token::ArrayStart => {
                    out.push(self.tags.array);
                    cut.opened();
                }
                Token::ObjectStart => {
                    out.push(self.tags.object);
                    cut.opened();
                }
                Token::ArrayEnd | Token::ObjectEnd => {
                    out.push(END);
                    cut.closed();
                }
            }
            cut.wrote(out);
        }
        cut.finish(out);
        Ok(())
    }

    fn append_string(&self, out: &mut Vec<u8>, text: &str) {
        out.push(self.tags.string);
        let start = out.len();
        match self.collation {
            Collation::Raw => escape(out, text.as_bytes()),
            Collation::Unicode => {
                let Ok(()) = self.collator.write_sort_key_to(text, out);
            }
        }
        if out.len() - start > STRING_LIMIT_BYTES {
            cut_off(out, start);
        }
        out.push(END);
    }
}

/// Replaces what stands behind the first 8 KiB of a string's key by a hash of all of it, in bytes
/// that are not zero.
fn cut_off(out: &mut Vec<u8>, start: usize) {
    let hash = xxh3_128(out.get(start..).unwrap_or_default());
    out.truncate(start + STRING_LIMIT_BYTES);
    out.extend_from_slice(format!("{hash:032x}").as_bytes());
}
