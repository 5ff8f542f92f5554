//! The description of an attachment. Its bytes live elsewhere, under the address given here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a document knows of one of its attachments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attachment {
    /// Its name within the document.
    pub name: String,
    /// MIME type as the client gave it.
    pub content_type: String,
    /// Depth of the revision that brought the content.
    pub revpos: u32,
    /// MD5 of the stored bytes.
    pub digest: [u8; 16],
    /// SHA-256 of the stored bytes: their address in the store.
    pub content: [u8; 32],
    /// Length in bytes of the identity form.
    pub length: u64,
    /// Length in bytes as stored.
    pub stored_length: u64,
    /// How the bytes are stored.
    pub encoding: Encoding,
}

/// How an attachment's bytes are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Encoding {
    /// As they are.
    Identity,
    /// As a gzip stream.
    Gzip,
}

impl Encoding {
    /// The name used in JSON and in `Content-Encoding`; `None` for identity.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
        }
    }
}

/// A digest as clients see it: `md5-<base64>`.
pub fn digest_text(digest: &[u8; 16]) -> String {
    format!("md5-{}", STANDARD.encode(digest))
}

/// Reads `md5-<base64>` back; `None` for another algorithm or another length.
pub fn parse_digest(text: &str) -> Option<[u8; 16]> {
    let raw = STANDARD.decode(text.strip_prefix("md5-")?).ok()?;
    raw.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_come_back() {
        let digest = parse_digest("md5-XUFAKrxLKna5cZ2REBfFkg==").unwrap();
        assert_eq!(digest_text(&digest), "md5-XUFAKrxLKna5cZ2REBfFkg==");
        assert_eq!(parse_digest("sha1-XUFAKrxLKna5cZ2REBfFkg=="), None);
        assert_eq!(parse_digest("md5-XUFA"), None);
    }
}
