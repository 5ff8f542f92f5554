//! Bookmarks: where the next page of an answer begins. Reading pages does not belong here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::MangoError;

/// Longest bookmark that is read, in bytes; a key has its document's bounds.
const TEXT_BYTES: usize = 16 << 20;

/// First byte of what a bookmark encodes.
const VERSION: u8 = 1;

/// The last row of a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bookmark {
    /// Id of the row's document.
    pub id: String,
    /// JSON text of the row's key: an array, or a string in `_all_docs`.
    pub key: Vec<u8>,
}

impl Bookmark {
    /// The text that clients send back. Opaque: base64url of a version, the id's length (32 bits, big
    /// endian), the id and the key.
    pub fn encode(&self) -> String {
        let mut out = vec![VERSION];
        out.extend_from_slice(&(self.id.len() as u32).to_be_bytes());
        out.extend_from_slice(self.id.as_bytes());
        out.extend_from_slice(&self.key);
        URL_SAFE_NO_PAD.encode(out)
    }

    /// Reads what [`Bookmark::encode`] wrote; `None` for `nil` and the empty text, which answers show
    /// and clients send where there is no row.
    pub fn decode(text: &str) -> Result<Option<Self>, MangoError> {
        if matches!(text, "" | "nil") {
            return Ok(None);
        }
        if text.len() > TEXT_BYTES {
            return Err(MangoError::BookmarkTooLong(TEXT_BYTES));
        }
        Self::read(text).map(Some).ok_or_else(|| {
            let shown: String = text.chars().take(200).collect();
            MangoError::InvalidBookmark(Value::String(shown))
        })
    }

    fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
        let ([VERSION, length @ ..], rest) = bytes.split_first_chunk::<5>()? else { return None };
        let (id, key) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        let key = refuge_document::json::normalise(key).ok()?;
        Some(Self { id: String::from_utf8(id.to_vec()).ok()?, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bookmark_comes_back_as_it_was() {
        let bookmark = Bookmark { id: "é/1".to_owned(), key: b"[1,\"a\",{\"b\":[]}]".to_vec() };
        let text = bookmark.encode();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert_eq!(Bookmark::decode(&text).unwrap(), Some(bookmark));
    }

    #[test]
    fn no_bookmark_is_nil() {
        assert_eq!(Bookmark::decode("nil").unwrap(), None);
        assert_eq!(Bookmark::decode("").unwrap(), None);
        let refused = Bookmark::decode("bad").unwrap_err();
        assert_eq!(refused.to_string(), "Invalid bookmark value: \"bad\"");
        assert_eq!((refused.status(), refused.error()), (400, "invalid_bookmark"));
    }

    #[test]
    fn bookmarks_are_bounded() {
        // Six bytes beside the key, two of quotes; each three are four of text.
        let letters = "k".repeat(TEXT_BYTES / 4 * 3 - 6 - 2);
        let longest = Bookmark { id: "d".to_owned(), key: format!("\"{letters}\"").into_bytes() };
        let text = longest.encode();
        assert_eq!(text.len(), TEXT_BYTES);
        assert!(Bookmark::decode(&text).unwrap() == Some(longest));
        let refused = Bookmark::decode(&(text + "A")).unwrap_err();
        let seen = (refused.status(), refused.error(), refused.to_string());
        let reason = "the bookmark has more than 16777216 bytes: begin without one";
        assert_eq!(seen, (400, "invalid_bookmark", reason.to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[A-Za-z0-9_-]{0,40}", bytes: Vec<u8>) {
            let _ = Bookmark::decode(&text);
            let _ = Bookmark::decode(&URL_SAFE_NO_PAD.encode(&bytes));
        }
    }
}
