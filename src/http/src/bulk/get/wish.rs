//! The lines of a `_bulk_get` request, and what is told of those that lead to no document. Reading
//! documents is not done here.

use refuge_document::json::write_string;
use refuge_document::{IdError, Revision, check_document_id, check_partitioned_id};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::query::parse_revision;

/// One line of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Document {
        id: String,
        /// All leaves where none is named.
        revision: Option<Revision>,
        /// Revisions whose attachments the client has.
        attachments_since: Vec<Revision>,
    },
    /// A line that makes no sense.
    Bad(Box<BadWish>),
}

/// Why a line makes no sense, in the members of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadWish {
    id: Value,
    revision: Value,
    error: &'static str,
    reason: String,
}

#[derive(Deserialize)]
struct Posted {
    docs: Option<Vec<Value>>,
}

/// The lines of a request. 400 when it is no JSON, or has no list of them.
/// `partitioned`: whether ids have to name a partition.
pub(super) fn parse(text: &[u8], partitioned: bool) -> Result<Vec<Wish>, Failure> {
    let posted: Posted = serde_json::from_slice(text).map_err(|error| {
        let reason =
            if error.is_data() { "Missing JSON list of 'docs'." } else { "invalid UTF-8 JSON" };
        Failure::BadRequest(reason.to_owned())
    })?;
    let lines = posted
        .docs
        .ok_or_else(|| Failure::BadRequest("Missing JSON list of 'docs'.".to_owned()))?;
    let check = if partitioned { check_partitioned_id } else { check_document_id };
    Ok(lines.into_iter().map(|line| wish(line, check).unwrap_or_else(Wish::Bad)).collect())
}

fn bad_wish(id: Value, revision: Value, reason: &str) -> Box<BadWish> {
    Box::new(BadWish { id, revision, error: "bad_request", reason: reason.to_owned() })
}

fn wish(line: Value, check: fn(&str) -> Result<(), IdError>) -> Result<Wish, Box<BadWish>> {
    let mut members = match line {
        Value::Object(members) if !members.is_empty() => members,
        _ => return Err(bad_wish(Value::Null, Value::Null, "document must be a JSON object")),
    };
    let id = match members.remove("id") {
        Some(Value::String(id)) => id,
        None => return Err(bad_wish(Value::Null, Value::Null, "document id missed")),
        Some(other) => {
            let reason = "Document id must be a string".to_owned();
            let (id, revision) = (other, Value::Null);
            return Err(Box::new(BadWish { id, revision, error: "illegal_docid", reason }));
        }
    };
    if let Err(error) = check(&id) {
        let (error, reason) = (error.error(), error.to_string());
        return Err(Box::new(BadWish { id: id.into(), revision: Value::Null, error, reason }));
    }
    let revision = match members.remove("rev") {
        None => None,
        Some(value) => Some(revision(&id, value)?),
    };
    let attachments_since = attachments_since(&id, &mut members)?;
    Ok(Wish::Document { id, revision, attachments_since })
}

fn revision(id: &str, value: Value) -> Result<Revision, Box<BadWish>> {
    value
        .as_str()
        .and_then(|text| parse_revision(text).ok())
        .ok_or_else(|| bad_wish(id.into(), value, "Invalid rev format"))
}

fn attachments_since(
    id: &str,
    members: &mut Map<String, Value>,
) -> Result<Vec<Revision>, Box<BadWish>> {
    match members.remove("atts_since") {
        None => Ok(Vec::new()),
        Some(Value::Array(known)) => known.into_iter().map(|value| revision(id, value)).collect(),
        Some(other) => Err(bad_wish(id.into(), other, "att_since value must be array of revs.")),
    }
}

/// Appends that a revision is not here, as one of a line's documents.
pub(super) fn write_missing(out: &mut Vec<u8>, id: &str, revision: &str) {
    write_error(out, &missing(id, revision));
}

/// Appends the same as an object of its own.
pub(super) fn write_missing_members(out: &mut Vec<u8>, id: &str, revision: &str) {
    write_bad_members(out, &missing(id, revision));
}

fn missing(id: &str, revision: &str) -> BadWish {
    BadWish {
        id: id.into(),
        revision: revision.into(),
        error: "not_found",
        reason: "missing".to_owned(),
    }
}

/// Appends the whole answer to a line that makes no sense.
pub(super) fn write_bad(out: &mut Vec<u8>, bad: &BadWish) {
    out.extend_from_slice(b"{\"id\":");
    write_value(out, &bad.id);
    out.extend_from_slice(b",\"docs\":[");
    write_error(out, bad);
    out.extend_from_slice(b"]}");
}

fn write_error(out: &mut Vec<u8>, error: &BadWish) {
    out.extend_from_slice(b"{\"error\":");
    write_bad_members(out, error);
    out.push(b'}');
}

/// Appends why a line makes no sense, as an object.
pub(super) fn write_bad_members(out: &mut Vec<u8>, error: &BadWish) {
    out.extend_from_slice(b"{\"id\":");
    write_value(out, &error.id);
    out.extend_from_slice(b",\"rev\":");
    write_value(out, &error.revision);
    out.extend_from_slice(b",\"error\":");
    write_string(out, error.error);
    out.extend_from_slice(b",\"reason\":");
    write_string(out, &error.reason);
    out.push(b'}');
}

fn write_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => write_string(out, text),
        other => out.extend_from_slice(other.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(text: &str) -> Vec<Wish> {
        parse(text.as_bytes(), false).expect(text)
    }

    fn told(line: &str) -> String {
        let mut out = Vec::new();
        match wishes(&format!(r#"{{"docs": [{line}]}}"#)).as_slice() {
            [Wish::Bad(bad)] => write_bad(&mut out, bad),
            other => panic!("not bad: {other:?}"),
        }
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn wishes_are_read_with_what_the_client_has() {
        let found =
            wishes(r#"{"docs": [{"id": "a"}, {"id": "b", "rev": "2-x", "atts_since": ["1-y"]}]}"#);
        let revision = |text: &str| text.parse::<Revision>().expect("a revision");
        assert_eq!(
            found,
            [
                Wish::Document { id: "a".into(), revision: None, attachments_since: vec![] },
                Wish::Document {
                    id: "b".into(),
                    revision: Some(revision("2-x")),
                    attachments_since: vec![revision("1-y")]
                }
            ]
        );
    }

    #[test]
    fn a_line_without_sense_is_an_error_of_its_own() {
        assert_eq!(
            told("{}"),
            r#"{"id":null,"docs":[{"error":{"id":null,"rev":null,"error":"bad_request","reason":"document must be a JSON object"}}]}"#
        );
        assert_eq!(
            told(r#"{"rev": "1-a"}"#),
            r#"{"id":null,"docs":[{"error":{"id":null,"rev":null,"error":"bad_request","reason":"document id missed"}}]}"#
        );
        assert_eq!(
            told(r#"{"id": "a", "rev": "x"}"#),
            r#"{"id":"a","docs":[{"error":{"id":"a","rev":"x","error":"bad_request","reason":"Invalid rev format"}}]}"#
        );
        assert!(told(r#"{"id": "_a"}"#).contains(r#""error":"illegal_docid""#));
        assert!(told(r#"{"id": "a", "atts_since": 1}"#).contains("must be array of revs"));
    }

    #[test]
    fn a_request_without_docs_is_refused() {
        for text in ["{}", r#"{"docs": 1}"#, "[", "1"] {
            assert_eq!(
                parse(text.as_bytes(), false).expect_err(text).status().0.as_u16(),
                400,
                "{text}"
            );
        }
    }

    #[test]
    fn an_unknown_document_is_told_with_an_undefined_revision() {
        let mut out = Vec::new();
        write_missing(&mut out, "a", "undefined");
        assert_eq!(
            String::from_utf8(out).expect("text"),
            r#"{"error":{"id":"a","rev":"undefined","error":"not_found","reason":"missing"}}"#
        );
    }
}
