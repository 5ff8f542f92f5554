//! `POST /{db}/_bulk_get`: revisions of many documents. The answer is written group by group and
//! always JSON, which every client of this endpoint takes.

use std::sync::Arc;

use hyper::Method;
use refuge_document::json::write_string;
use refuge_document::{BodyPlace, Leaf, Revision, check_document_id};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::node::{Database, DocumentTree, StoredBody};
use crate::query::{Query, parse_revision};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::show::{AttachmentBytes, ShowOptions, Shown, show};
use crate::stream::ReplySender;

/// Documents that are read at a time: their bodies are held while they are written.
const GROUP_DOCUMENTS: usize = 32;

/// Most bytes of a request; its parsed form is a few times as large.
const REQUEST_BYTES: usize = 16 * 1024 * 1024;

/// Parameters of a single document's read that have no meaning here.
const REFUSED_PARAMETERS: &[&str] = &["open_revs", "new_edits", "w", "rev", "atts_since"];

/// Answers with what is asked for, in the order in which it is asked for.
pub(crate) async fn bulk_get(
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::POST], "POST")?;
    let options = read_options(&request.query)?;
    let text = request.json_bytes(REQUEST_BYTES).await?;
    let wishes = parse(&text)?;
    let mut answer = Answer {
        database: database.clone(),
        options,
        latest: request.query.is_true("latest"),
        first: true,
    };
    // What fails here can still be told by a status; most requests are no longer than a group.
    let mut beginning = b"{\"results\":[".to_vec();
    let mut groups = wishes.into_iter();
    answer.write_group(&mut beginning, take_group(&mut groups)).await?;
    Ok(reply::json_stream(|sender| answer.run(sender, beginning, groups)))
}

fn take_group(wishes: &mut std::vec::IntoIter<Wish>) -> Vec<Wish> {
    wishes.by_ref().take(GROUP_DOCUMENTS).collect()
}

fn read_options(query: &Query) -> Result<ShowOptions, Failure> {
    let refused = REFUSED_PARAMETERS.iter().find(|name| query.text(name).is_some());
    if let Some(name) = refused {
        let reason = format!("\"{name}\" query parameter is not acceptable");
        return Err(Failure::BadRequest(reason));
    }
    ShowOptions::from_query(query)
}

/// One line of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Document {
        id: String,
        /// All leaves where none is named.
        revision: Option<Revision>,
        /// Revisions whose attachments the client has.
        attachments_since: Vec<Revision>,
    },
    /// A line that makes no sense.
    Bad(BadWish),
}

/// Why a line makes no sense, in the members of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct BadWish {
    id: Value,
    revision: Value,
    error: &'static str,
    reason: String,
}

#[derive(Deserialize)]
struct Posted {
    docs: Option<Vec<Value>>,
}

fn parse(text: &[u8]) -> Result<Vec<Wish>, Failure> {
    let posted: Posted = serde_json::from_slice(text).map_err(|error| {
        let reason =
            if error.is_data() { "Missing JSON list of 'docs'." } else { "invalid UTF-8 JSON" };
        Failure::BadRequest(reason.to_owned())
    })?;
    let lines = posted.docs.ok_or_else(|| {
        Failure::BadRequest("Missing JSON list of 'docs'.".to_owned())
    })?;
    Ok(lines.into_iter().map(|line| wish(line).unwrap_or_else(Wish::Bad)).collect())
}

fn bad_wish(id: Value, revision: Value, reason: &str) -> BadWish {
    BadWish { id, revision, error: "bad_request", reason: reason.to_owned() }
}

fn wish(line: Value) -> Result<Wish, BadWish> {
    let mut members = match line {
        Value::Object(members) if !members.is_empty() => members,
        _ => return Err(bad_wish(Value::Null, Value::Null, "document must be a JSON object")),
    };
    let id = match members.remove("id") {
        Some(Value::String(id)) => id,
        None => return Err(bad_wish(Value::Null, Value::Null, "document id missed")),
        Some(other) => {
            let reason = "Document id must be a string".to_owned();
            return Err(BadWish { id: other, revision: Value::Null, error: "illegal_docid", reason });
        }
    };
    if let Err(error) = check_document_id(&id) {
        let (error, reason) = (error.error(), error.to_string());
        return Err(BadWish { id: id.into(), revision: Value::Null, error, reason });
    }
    let revision = match members.remove("rev") {
        None => None,
        Some(value) => Some(revision(&id, value)?),
    };
    let attachments_since = attachments_since(&id, &mut members)?;
    Ok(Wish::Document { id, revision, attachments_since })
}

fn revision(id: &str, value: Value) -> Result<Revision, BadWish> {
    value
        .as_str()
        .and_then(|text| parse_revision(text).ok())
        .ok_or_else(|| bad_wish(id.into(), value, "Invalid rev format"))
}

fn attachments_since(id: &str, members: &mut Map<String, Value>) -> Result<Vec<Revision>, BadWish> {
    match members.remove("atts_since") {
        None => Ok(Vec::new()),
        Some(Value::Array(known)) => {
            known.into_iter().map(|value| revision(id, value)).collect()
        }
        Some(other) => {
            Err(bad_wish(id.into(), other, "att_since value must be array of revs."))
        }
    }
}

/// What is found of a wish.
enum Found {
    Leaf(Leaf),
    Missing(Revision),
    /// Nothing is known of the document, and no revision was named.
    Unknown,
}

/// An answer under way.
struct Answer {
    database: Arc<dyn Database>,
    options: ShowOptions,
    latest: bool,
    first: bool,
}

impl Answer {
    /// Writes the answer, whose first group is written already.
    async fn run(
        mut self,
        mut sender: ReplySender,
        beginning: Vec<u8>,
        mut wishes: std::vec::IntoIter<Wish>,
    ) -> Result<(), Failure> {
        *sender.buffer() = beginning;
        while wishes.len() > 0 {
            sender.flush_when_full().await?;
            let group = take_group(&mut wishes);
            self.write_group(sender.buffer(), group).await?;
        }
        sender.buffer().extend_from_slice(b"]}\n");
        sender.flush().await
    }

    async fn write_group(&mut self, out: &mut Vec<u8>, group: Vec<Wish>) -> Result<(), Failure> {
        let ids = group.iter().filter_map(|wish| match wish {
            Wish::Document { id, .. } => Some(id.clone()),
            Wish::Bad(_) => None,
        });
        let mut trees = self.database.trees(ids.collect()).await?.into_iter();
        let mut found: Vec<(Wish, Option<DocumentTree>, Vec<Found>)> = Vec::new();
        for wish in group {
            let tree = if matches!(wish, Wish::Bad(_)) { None } else { trees.next().flatten() };
            let revisions = self.find(&wish, tree.as_ref());
            found.push((wish, tree, revisions));
        }
        let places = found.iter().flat_map(|(_, _, found)| found.iter().map(place));
        let mut bodies = self.database.bodies(places.collect()).await?.into_iter();
        for (wish, tree, found) in found {
            if !std::mem::take(&mut self.first) {
                out.push(b',');
            }
            let bodies: Vec<Option<StoredBody>> = bodies.by_ref().take(found.len()).collect();
            let found = found.into_iter().zip(bodies).collect();
            self.write_result(out, &wish, tree.as_ref(), found).await?;
        }
        Ok(())
    }

    fn find(&self, wish: &Wish, tree: Option<&DocumentTree>) -> Vec<Found> {
        let Wish::Document { revision, .. } = wish else { return Vec::new() };
        let leaves = match (tree, revision) {
            (None, _) => Vec::new(),
            (Some(document), None) => document.tree.leaves(),
            (Some(document), Some(revision)) if self.latest => document.tree.descend(revision),
            (Some(document), Some(revision)) => leaf_at(document, revision).into_iter().collect(),
        };
        if leaves.is_empty() {
            return vec![revision.clone().map_or(Found::Unknown, Found::Missing)];
        }
        leaves.into_iter().map(Found::Leaf).collect()
    }

    async fn write_result(
        &self,
        out: &mut Vec<u8>,
        wish: &Wish,
        tree: Option<&DocumentTree>,
        found: Vec<(Found, Option<StoredBody>)>,
    ) -> Result<(), Failure> {
        let (id, attachments_since) = match wish {
            Wish::Document { id, attachments_since, .. } => (id, attachments_since),
            Wish::Bad(bad) => {
                write_bad(out, bad);
                return Ok(());
            }
        };
        let own_options;
        let options = if attachments_since.is_empty() {
            &self.options
        } else {
            own_options = ShowOptions {
                attachments: true,
                atts_since: Some(attachments_since.clone()),
                ..self.options.clone()
            };
            &own_options
        };
        out.extend_from_slice(b"{\"id\":");
        write_string(out, id);
        out.extend_from_slice(b",\"docs\":[");
        for (number, (found, content)) in found.into_iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            match (found, content, tree) {
                (Found::Leaf(leaf), Some(content), Some(tree)) => {
                    let shown = Shown {
                        id,
                        revision: &leaf.revision,
                        deleted: leaf.deleted,
                        content: &content,
                        tree: Some(tree),
                        sequence: tree.sequence,
                    };
                    self.write_document(out, shown, options).await?;
                }
                (Found::Leaf(Leaf { revision, .. }) | Found::Missing(revision), _, _) => {
                    write_missing(out, id, &revision.to_string());
                }
                (Found::Unknown, _, _) => write_missing(out, id, "undefined"),
            }
        }
        out.extend_from_slice(b"]}");
        Ok(())
    }

    async fn write_document(
        &self,
        out: &mut Vec<u8>,
        shown: Shown<'_>,
        options: &ShowOptions,
    ) -> Result<(), Failure> {
        out.extend_from_slice(b"{\"ok\":");
        show(out, self.database.as_ref(), shown, options, AttachmentBytes::Inline).await?;
        out.push(b'}');
        Ok(())
    }
}

fn leaf_at(document: &DocumentTree, revision: &Revision) -> Option<Leaf> {
    let view = document.tree.find(revision)?;
    Some(Leaf { revision: revision.clone(), deleted: view.deleted, place: view.place })
}

fn place(found: &Found) -> BodyPlace {
    match found {
        Found::Leaf(leaf) => leaf.place,
        Found::Missing(_) | Found::Unknown => BodyPlace::Missing,
    }
}

fn write_missing(out: &mut Vec<u8>, id: &str, revision: &str) {
    let missing = BadWish {
        id: id.into(),
        revision: revision.into(),
        error: "not_found",
        reason: "missing".to_owned(),
    };
    write_error(out, &missing);
}

fn write_bad(out: &mut Vec<u8>, bad: &BadWish) {
    out.extend_from_slice(b"{\"id\":");
    write_value(out, &bad.id);
    out.extend_from_slice(b",\"docs\":[");
    write_error(out, bad);
    out.extend_from_slice(b"]}");
}

fn write_error(out: &mut Vec<u8>, error: &BadWish) {
    out.extend_from_slice(b"{\"error\":{\"id\":");
    write_value(out, &error.id);
    out.extend_from_slice(b",\"rev\":");
    write_value(out, &error.revision);
    out.extend_from_slice(b",\"error\":");
    write_string(out, error.error);
    out.extend_from_slice(b",\"reason\":");
    write_string(out, &error.reason);
    out.extend_from_slice(b"}}");
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
        parse(text.as_bytes()).expect(text)
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
        let found = wishes(r#"{"docs": [{"id": "a"}, {"id": "b", "rev": "2-x", "atts_since": ["1-y"]}]}"#);
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
    fn a_request_without_docs_is_refused_and_so_are_parameters_of_other_reads() {
        for text in ["{}", r#"{"docs": 1}"#, "[", "1"] {
            assert_eq!(parse(text.as_bytes()).expect_err(text).status().0.as_u16(), 400, "{text}");
        }
        let failure = read_options(&Query::parse(Some("rev=1-a"))).expect_err("refused");
        assert_eq!(failure.to_string(), "\"rev\" query parameter is not acceptable");
        assert!(read_options(&Query::parse(Some("revs=true&latest=true"))).is_ok());
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
