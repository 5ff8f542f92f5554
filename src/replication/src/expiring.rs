//! Documents that expire on their way to a target: whether it knows the member `_expires`, and what is
//! done where it does not.

use bytes::Bytes;
use refuge_document::json;

use crate::exchange::Refusal;

const EXPIRES: &str = "_expires";

/// Why such a document is not sent.
const REASON: &str = "it expires, and the target does not know `_expires`: set the target's option \
                      `ttl`, or let the replication leave the member out with \"strip\": true";

/// What is done with documents that expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expiring {
    /// The target knows the member.
    Kept,
    /// It does not: they are not sent, and count as not written.
    #[default]
    Refused,
    /// They are sent without the member.
    Stripped,
}

impl Expiring {
    /// What is right for a target.
    pub(crate) fn towards(target_knows: bool, strip: bool) -> Self {
        match (strip, target_knows) {
            (true, _) => Self::Stripped,
            (false, true) => Self::Kept,
            (false, false) => Self::Refused,
        }
    }

    /// Splits documents into those to be sent, as they are to be sent, and those that are not.
    pub(crate) fn sort(self, documents: Vec<Bytes>) -> (Vec<Bytes>, Vec<Refusal>) {
        if self == Self::Kept {
            return (documents, Vec::new());
        }
        let (mut sent, mut refused) = (Vec::with_capacity(documents.len()), Vec::new());
        for document in documents {
            match Looked::at(&document) {
                Some(looked) if self == Self::Refused && !looked.deleted => refused.push(Refusal {
                    id: looked.id,
                    error: "doc_validation".to_owned(),
                    reason: REASON.to_owned(),
                }),
                // A tombstone does not expire, and has to arrive.
                Some(looked) => sent.push(looked.stripped),
                None => sent.push(document),
            }
        }
        (sent, refused)
    }
}

/// A document with the member.
struct Looked {
    id: String,
    deleted: bool,
    stripped: Bytes,
}

impl Looked {
    /// `None` where the member is not there, or the text is no document (which the target will say).
    fn at(document: &[u8]) -> Option<Self> {
        if !names_it(document) {
            return None;
        }
        let mut looked = Self { id: String::new(), deleted: false, stripped: Bytes::new() };
        let mut stripped = b"{".to_vec();
        let mut expires = false;
        for member in json::members(document).ok()? {
            let (name, value) = member.ok()?;
            match name.as_ref() {
                EXPIRES => {
                    expires = true;
                    continue;
                }
                "_id" => looked.id = json::string(value)?.into_owned(),
                "_deleted" => looked.deleted = value == b"true",
                _ => {}
            }
            if stripped.len() > 1 {
                stripped.push(b',');
            }
            json::write_string(&mut stripped, &name);
            stripped.push(b':');
            stripped.extend_from_slice(value);
        }
        stripped.push(b'}');
        looked.stripped = stripped.into();
        expires.then_some(looked)
    }
}

/// Nearly no document has the word anywhere, and then its members need not be looked at. A name with
/// escapes in it is not seen; no end that keeps the member writes it so.
fn names_it(document: &[u8]) -> bool {
    document.windows(EXPIRES.len()).any(|window| window == EXPIRES.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRING: &str =
        r#"{"_id":"a","_rev":"1-x","n":1,"_expires":"2030-01-01T00:00:00.000Z"}"#;
    const PLAIN: &str = r#"{"_id":"b","text":"_expires","nested":{"_expires":1}}"#;
    const DELETED: &str = r#"{"_id":"c","_expires":"2030-01-01T00:00:00.000Z","_deleted":true}"#;

    fn sort(expiring: Expiring) -> (Vec<String>, Vec<String>) {
        let documents = [EXPIRING, PLAIN, DELETED].map(|text| Bytes::from_static(text.as_bytes()));
        let (sent, refused) = expiring.sort(documents.to_vec());
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let refused = refused.into_iter().map(|refusal| refusal.id);
        (sent.into_iter().map(text).collect(), refused.collect())
    }

    #[test]
    fn a_target_that_knows_the_member_gets_all_as_it_is() {
        let sent = [EXPIRING, PLAIN, DELETED].map(str::to_owned).to_vec();
        assert_eq!(sort(Expiring::towards(true, false)), (sent, Vec::new()));
    }

    #[test]
    fn a_target_that_does_not_gets_the_rest() {
        let deleted = r#"{"_id":"c","_deleted":true}"#;
        let sent = [PLAIN, deleted].map(str::to_owned).to_vec();
        assert_eq!(sort(Expiring::towards(false, false)), (sent, vec!["a".to_owned()]));
    }

    #[test]
    fn stripped_documents_lack_the_member_and_nothing_else() {
        let stripped = r#"{"_id":"a","_rev":"1-x","n":1}"#;
        let deleted = r#"{"_id":"c","_deleted":true}"#;
        let sent = [stripped, PLAIN, deleted].map(str::to_owned).to_vec();
        assert_eq!(sort(Expiring::towards(true, true)), (sent.clone(), Vec::new()));
        assert_eq!(sort(Expiring::towards(false, true)), (sent, Vec::new()));
    }
}
