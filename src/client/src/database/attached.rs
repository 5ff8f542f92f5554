//! Which of a document's attachments a target lacks, from the document as it comes with stubs alone:
//! decides whether it is stored as it is, asked for again with its attachments, or carried.

use std::collections::BTreeMap;

use memchr::memmem;
use refuge_document::{Revision, json};
use serde::Deserialize;

const MEMBER: &str = "_attachments";

/// Bytes of attachments up to which they travel inside their document's JSON, many documents in one
/// request. Beyond it they are streamed, which costs two requests a document.
const INLINE_BYTES: u64 = 512 << 10;

/// How a document gets to the target.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As it is: it has no attachments, or none that the target lacks.
    AsItIs,
    /// With attachments of so many bytes inside.
    Inline { revision: Revision, bytes: u64 },
    /// As a stream.
    Carried { revision: Revision },
}

#[derive(Deserialize)]
struct Stub {
    #[serde(default)]
    revpos: u32,
    #[serde(default)]
    length: u64,
}

#[derive(Deserialize)]
struct History {
    start: u32,
    ids: Vec<String>,
}

/// The way of a document (JSON with stubs and `_revisions`) to a target that has `known` revisions
/// of it.
pub(super) fn way_of(document: &[u8], known: &[Revision]) -> Result<Way, String> {
    if memmem::find(document, MEMBER.as_bytes()).is_none() {
        return Ok(Way::AsItIs);
    }
    let (mut revision, mut history, mut stubs) = (None, None, None);
    for member in json::members(document).map_err(|error| error.to_string())? {
        let (name, value) = member.map_err(|error| error.to_string())?;
        match name.as_ref() {
            "_rev" => revision = json::string(value),
            "_revisions" => history = Some(read::<History>(value)?),
            MEMBER => stubs = Some(read::<BTreeMap<String, Stub>>(value)?),
            _ => {}
        }
    }
    let Some(stubs) = stubs else { return Ok(Way::AsItIs) };
    let since = history.map_or(0, |history| newest_known(&history, known));
    let lacking: Vec<&Stub> = stubs.values().filter(|stub| stub.revpos > since).collect();
    if lacking.is_empty() && since > 0 || stubs.is_empty() {
        return Ok(Way::AsItIs);
    }
    let revision = revision.ok_or("a document without _rev")?;
    let revision = revision.parse::<Revision>().map_err(|error| error.to_string())?;
    let bytes = lacking.iter().map(|stub| stub.length).fold(0, u64::saturating_add);
    Ok(if bytes <= INLINE_BYTES {
        Way::Inline { revision, bytes }
    } else {
        Way::Carried { revision }
    })
}

/// Depth of the newest revision of a history that is known; 0 where none is.
fn newest_known(history: &History, known: &[Revision]) -> u32 {
    let depths = (0..=history.start).rev();
    let found = history.ids.iter().zip(depths).find(|(hash, depth)| {
        known.iter().any(|one| one.depth == *depth && one.hash.to_string() == **hash)
    });
    found.map_or(0, |(_, depth)| depth)
}

fn read<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(attachments: &str, known: &[&str]) -> Way {
        let document = format!(
            r#"{{"_id":"a","_rev":"3-c","_revisions":{{"start":3,"ids":["c","b","a"]}},"_attachments":{attachments}}}"#
        );
        let known: Vec<Revision> = known.iter().map(|text| text.parse().unwrap()).collect();
        way_of(document.as_bytes(), &known).unwrap()
    }

    #[test]
    fn only_what_is_newer_than_a_known_ancestor_counts() {
        let revision: Revision = "3-c".parse().unwrap();
        let both = r#"{"old":{"revpos":1,"length":9000000},"new":{"revpos":3,"length":5}}"#;
        assert_eq!(way(both, &["2-b"]), Way::Inline { revision: revision.clone(), bytes: 5 });
        assert_eq!(way(both, &["2-x"]), Way::Carried { revision: revision.clone() });
        assert_eq!(way(both, &[]), Way::Carried { revision });
        assert_eq!(way(r#"{"old":{"revpos":1,"length":9000000}}"#, &["1-a"]), Way::AsItIs);
        assert_eq!(way("{}", &[]), Way::AsItIs);
    }

    #[test]
    fn an_empty_attachment_is_lacking_as_well() {
        let revision: Revision = "3-c".parse().unwrap();
        let empty = r#"{"e":{"revpos":1,"length":0}}"#;
        assert_eq!(way(empty, &[]), Way::Inline { revision, bytes: 0 });
    }

    #[test]
    fn a_document_without_attachments_goes_as_it_is() {
        assert_eq!(way_of(br#"{"_id":"a"}"#, &[]), Ok(Way::AsItIs));
        assert_eq!(way_of(br#"{"_id":"a","text":"_attachments"}"#, &[]), Ok(Way::AsItIs));
    }
}
