//! Members of documents that a target has to know, since the document is another one without them: when it
//! expires, who may read it. Whether the target knows them, and what is done where it does not.

use bytes::Bytes;
use refuge_document::{Revision, json};

use crate::exchange::{Information, Refusal, Wanted};

/// Such a member.
struct Member {
    name: &'static str,
    /// Why a document that has it is not sent to who does not know it.
    reason: &'static str,
    /// Whether a tombstone is sent all the same, without it.
    tombstones_pass: bool,
    knows: fn(&Information) -> bool,
}

/// All of them.
const MEMBERS: [Member; 2] = [
    Member {
        name: "_expires",
        reason: "it expires, and the target does not know `_expires`: set the target's option \
                 `ttl`, or let the replication leave the member out with \"strip\": true",
        // It does not expire, and has to arrive.
        tombstones_pass: true,
        knows: |end| end.ttl,
    },
    Member {
        name: ACCESS,
        reason: "it says who may read it, and the target does not know `_access` and would show it to \
                 everybody: make the target with `access=true`, or let the replication leave the \
                 member out with \"strip\": true",
        tombstones_pass: false,
        knows: |end| end.access,
    },
];

const ACCESS: &str = "_access";

/// What is done with documents that have one of the members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Handling {
    /// The target knows the member.
    Kept,
    /// It does not: they are not sent, and count as not written.
    #[default]
    Refused,
    /// They are sent without the member.
    Stripped,
}

/// What is done with each of the members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members([Handling; MEMBERS.len()]);

impl Members {
    /// What is right for a target.
    pub(crate) fn towards(target: &Information, strip: bool) -> Self {
        Self(std::array::from_fn(|number| {
            let knows = MEMBERS.get(number).is_some_and(|member| (member.knows)(target));
            match (strip, knows) {
                (true, _) => Handling::Stripped,
                (false, true) => Handling::Kept,
                (false, false) => Handling::Refused,
            }
        }))
    }

    fn all(self) -> impl Iterator<Item = (&'static Member, Handling)> {
        MEMBERS.iter().zip(self.0)
    }

    /// Splits documents into those to be sent, as they are to be sent, and those that are not.
    pub(crate) fn sort(self, documents: Vec<Bytes>) -> (Vec<Bytes>, Vec<Refusal>) {
        if self.0 == [Handling::Kept; MEMBERS.len()] {
            return (documents, Vec::new());
        }
        let (mut sent, mut refused) = (Vec::with_capacity(documents.len()), Vec::new());
        for document in documents {
            match self.look_at(&document) {
                None => sent.push(document),
                Some(Ok(stripped)) => sent.push(stripped),
                Some(Err(refusal)) => refused.push(refusal),
            }
        }
        (sent, refused)
    }

    /// Those of some revisions that may be carried without a look at their texts, `restricted` being those that
    /// say who may read them.
    pub(crate) fn sort_carried(
        self,
        carried: Vec<Wanted>,
        restricted: &[(String, Revision)],
    ) -> (Vec<Wanted>, Vec<Refusal>) {
        let mut refusing =
            self.all().filter(|(member, how)| member.name == ACCESS && *how == Handling::Refused);
        let Some((member, _)) = refusing.next() else { return (carried, Vec::new()) };
        let is_restricted = |wanted: &Wanted| {
            let is_one =
                |(id, one): &(String, Revision)| *id == wanted.id && wanted.revisions.contains(one);
            restricted.iter().any(is_one)
        };
        let (refused, sent): (Vec<Wanted>, Vec<Wanted>) =
            carried.into_iter().partition(is_restricted);
        (sent, refused.into_iter().map(|wanted| refusal(wanted.id, member)).collect())
    }

    /// The text without what is left out of it, or why it is not sent. `None` where it goes as it is: none of
    /// the members is there, or the text is no document (which the target will say).
    fn look_at(self, document: &[u8]) -> Option<Result<Bytes, Refusal>> {
        let unknown = || self.all().filter(|(_, how)| *how != Handling::Kept);
        if !unknown().any(|(member, _)| names(document, member.name)) {
            return None;
        }
        let (mut id, mut deleted, mut found) = (String::new(), false, Vec::new());
        let mut stripped = b"{".to_vec();
        for member in json::members(document).ok()? {
            let (name, value) = member.ok()?;
            if let Some(unknown) = unknown().find(|(member, _)| member.name == name) {
                found.push(unknown);
                continue;
            }
            match name.as_ref() {
                "_id" => id = json::string(value)?.into_owned(),
                "_deleted" => deleted = value == b"true",
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
        if found.is_empty() {
            return None;
        }
        let refusing = found.into_iter().find(|(member, how)| {
            *how == Handling::Refused && !(deleted && member.tombstones_pass)
        });
        Some(match refusing {
            Some((member, _)) => Err(refusal(id, member)),
            None => Ok(stripped.into()),
        })
    }
}

fn refusal(id: String, member: &Member) -> Refusal {
    Refusal { id, error: "doc_validation".to_owned(), reason: member.reason.to_owned() }
}

/// Whether a document says who may read it, for ends that carry it without its text.
#[must_use]
pub fn is_restricted(document: &[u8]) -> bool {
    names(document, ACCESS)
        && json::members(document)
            .is_ok_and(|mut members| members.any(|one| one.is_ok_and(|(name, _)| name == ACCESS)))
}

/// Nearly no document has the word anywhere, and then its members need not be looked at. A name with
/// escapes in it is not seen; no end that keeps the member writes it so.
fn names(document: &[u8], name: &str) -> bool {
    document.windows(name.len()).any(|window| window == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRING: &str =
        r#"{"_id":"a","_rev":"1-x","n":1,"_expires":"2030-01-01T00:00:00.000Z"}"#;
    const PLAIN: &str =
        r#"{"_id":"b","text":"_expires","nested":{"_expires":1,"_access":["a"]},"x":"_access"}"#;
    const DELETED: &str = r#"{"_id":"c","_expires":"2030-01-01T00:00:00.000Z","_deleted":true}"#;
    const RESTRICTED: &str = r#"{"_id":"d","_rev":"1-x","_access":["anna"],"n":1}"#;
    const RESTRICTED_TOMBSTONE: &str = r#"{"_id":"e","_access":["anna"],"_deleted":true}"#;
    const ALL: [&str; 5] = [EXPIRING, PLAIN, DELETED, RESTRICTED, RESTRICTED_TOMBSTONE];

    fn towards(ttl: bool, access: bool, strip: bool) -> Members {
        Members::towards(&Information { ttl, access, ..Information::default() }, strip)
    }

    fn sort(members: Members) -> (Vec<String>, Vec<String>) {
        let documents = ALL.map(|text| Bytes::from_static(text.as_bytes()));
        let (sent, refused) = members.sort(documents.to_vec());
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let refused = refused.into_iter().map(|refusal| refusal.id);
        (sent.into_iter().map(text).collect(), refused.collect())
    }

    #[test]
    fn a_target_that_knows_the_members_gets_all_as_it_is() {
        assert_eq!(sort(towards(true, true, false)), (ALL.map(str::to_owned).to_vec(), Vec::new()));
    }

    #[test]
    fn a_target_that_does_not_gets_the_rest() {
        let deleted = r#"{"_id":"c","_deleted":true}"#;
        let owned = |texts: &[&str]| texts.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            sort(towards(false, false, false)),
            (owned(&[PLAIN, deleted]), owned(&["a", "d", "e"]))
        );
        assert_eq!(
            sort(towards(false, true, false)),
            (owned(&[PLAIN, deleted, RESTRICTED, RESTRICTED_TOMBSTONE]), owned(&["a"]))
        );
        assert_eq!(
            sort(towards(true, false, false)),
            (owned(&[EXPIRING, PLAIN, DELETED]), owned(&["d", "e"]))
        );
    }

    #[test]
    fn stripped_documents_lack_the_members_and_nothing_else() {
        let sent = [
            r#"{"_id":"a","_rev":"1-x","n":1}"#,
            PLAIN,
            r#"{"_id":"c","_deleted":true}"#,
            r#"{"_id":"d","_rev":"1-x","n":1}"#,
            r#"{"_id":"e","_deleted":true}"#,
        ];
        let sent = sent.map(str::to_owned).to_vec();
        assert_eq!(sort(towards(true, true, true)), (sent.clone(), Vec::new()));
        assert_eq!(sort(towards(false, false, true)), (sent, Vec::new()));
    }

    #[test]
    fn what_is_carried_as_a_stream_is_kept_from_a_target_that_would_show_it_to_everybody() {
        assert!(is_restricted(RESTRICTED.as_bytes()) && !is_restricted(PLAIN.as_bytes()));
        let revision = |text: &str| text.parse::<Revision>().unwrap();
        let wanted = |id: &str, text: &str| Wanted {
            id: id.to_owned(),
            revisions: vec![revision(text)],
            possible_ancestors: Vec::new(),
        };
        let sort = |members: Members| {
            // Of one document a leaf that everybody may read, and one that not everybody may.
            let carried = vec![wanted("d", "1-x"), wanted("d", "1-y"), wanted("p", "1-x")];
            let (sent, refused) =
                members.sort_carried(carried, &[("d".to_owned(), revision("1-x"))]);
            (sent, refused.into_iter().map(|one| one.id).collect::<Vec<_>>())
        };
        let (sent, refused) = sort(towards(true, false, false));
        assert_eq!(sent, [wanted("d", "1-y"), wanted("p", "1-x")]);
        assert_eq!(refused, ["d"]);
        let (sent, refused) = sort(towards(false, true, false));
        assert_eq!((sent.len(), refused), (3, Vec::new()));
    }
}
