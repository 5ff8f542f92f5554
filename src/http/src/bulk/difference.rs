//! `POST /{db}/_revs_diff` and `_missing_revs`: which of the listed revisions are not known here.
//! Both read `{id: [revision, …], …}`.

use std::fmt;
use std::sync::Arc;

use hyper::{Method, StatusCode};
use refuge_document::Revision;
use refuge_document::json::write_string;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::changes::write_revision;
use crate::failure::Failure;
use crate::node::{Database, DocumentTree};
use crate::query::parse_revision;
use crate::reply::{self, Reply};
use crate::request::Request;

/// Documents whose trees are read at a time.
const GROUP_DOCUMENTS: usize = 500;

/// `{id: {"missing": […], "possible_ancestors": […]}, …}`; documents of which nothing is missing are
/// left out.
pub(crate) async fn revisions_difference(
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    let missing = find_missing(request, database).await?;
    let mut text = b"{".to_vec();
    for (number, document) in missing.iter().enumerate() {
        begin_member(&mut text, number, &document.id);
        text.extend_from_slice(b"{\"missing\":");
        write_revisions(&mut text, &document.missing);
        if !document.possible_ancestors.is_empty() {
            text.extend_from_slice(b",\"possible_ancestors\":");
            write_revisions(&mut text, &document.possible_ancestors);
        }
        text.push(b'}');
    }
    text.push(b'}');
    Ok(reply::json(StatusCode::OK, text))
}

/// `{"missing_revs": {id: […], …}}`.
pub(crate) async fn missing_revisions(
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    let missing = find_missing(request, database).await?;
    let mut text = b"{\"missing_revs\":{".to_vec();
    for (number, document) in missing.iter().enumerate() {
        begin_member(&mut text, number, &document.id);
        write_revisions(&mut text, &document.missing);
    }
    text.extend_from_slice(b"}}");
    Ok(reply::json(StatusCode::OK, text))
}

/// A document of which something is missing.
#[derive(Debug, PartialEq, Eq)]
struct Missing {
    id: String,
    missing: Vec<Revision>,
    possible_ancestors: Vec<Revision>,
}

async fn find_missing(
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Vec<Missing>, Failure> {
    reply::allow(&request.method, &[Method::POST], "POST")?;
    let text = request.json_bytes(request.limits().max_json_size).await?;
    let mut asked = listed_revisions(&text)?.into_iter().peekable();
    let mut missing = Vec::new();
    while asked.peek().is_some() {
        let group: Vec<(String, Vec<Revision>)> = asked.by_ref().take(GROUP_DOCUMENTS).collect();
        let ids = group.iter().map(|(id, _)| id.clone()).collect();
        let trees = database.trees(ids).await?;
        let compared = group.into_iter().zip(trees);
        missing.extend(
            compared.filter_map(|((id, revisions), tree)| compare(id, revisions, tree.as_ref())),
        );
    }
    Ok(missing)
}

/// What of one document is missing; `None` where nothing is.
fn compare(
    id: String,
    revisions: Vec<Revision>,
    document: Option<&DocumentTree>,
) -> Option<Missing> {
    let (missing, possible_ancestors) = match document {
        None => (revisions, Vec::new()),
        Some(DocumentTree { tree, .. }) => {
            let missing = tree.missing(&revisions);
            let possible_ancestors = tree.possible_ancestors(&missing);
            (missing, possible_ancestors)
        }
    };
    (!missing.is_empty()).then_some(Missing { id, missing, possible_ancestors })
}

/// Writes the comma where one is due, the name, and the colon.
pub(crate) fn begin_member(out: &mut Vec<u8>, number: usize, name: &str) {
    if number > 0 {
        out.push(b',');
    }
    write_string(out, name);
    out.push(b':');
}

/// Writes an array of revisions.
pub(crate) fn write_revisions(out: &mut Vec<u8>, revisions: &[Revision]) {
    out.push(b'[');
    for (number, revision) in revisions.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_revision(out, revision);
    }
    out.push(b']');
}

/// The listed revisions of each document, in the order of the request.
struct Listed(Vec<(String, Vec<String>)>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Listed;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object that lists revisions by document id")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Listed, A::Error> {
                let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or(0));
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Listed(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

/// Reads `{id: [revision, …], …}`.
pub(crate) fn listed_revisions(text: &[u8]) -> Result<Vec<(String, Vec<Revision>)>, Failure> {
    let Listed(listed) = serde_json::from_slice(text).map_err(|error| {
        Failure::BadRequest(if error.is_data() {
            "Request body must be a JSON object of document ids with their revisions".to_owned()
        } else {
            "invalid UTF-8 JSON".to_owned()
        })
    })?;
    let parse = |(id, texts): (String, Vec<String>)| {
        let revisions = texts.iter().map(|text| parse_revision(text)).collect::<Result<_, _>>()?;
        Ok((id, revisions))
    };
    listed.into_iter().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(text: &str) -> Revision {
        text.parse().expect("a revision")
    }

    #[test]
    fn listed_revisions_are_read_in_their_order() {
        let listed = listed_revisions(br#"{"b": ["1-x", "2-y"], "a": []}"#).expect("good");
        assert_eq!(
            listed,
            [("b".to_owned(), vec![revision("1-x"), revision("2-y")]), ("a".to_owned(), vec![])]
        );
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in ["", "[]", "{", r#"{"a": 1}"#, r#"{"a": [1]}"#, r#"{"a": ["x"]}"#] {
            let failure = listed_revisions(text.as_bytes()).expect_err(text);
            assert_eq!(failure.status().0.as_u16(), 400, "{text}");
        }
    }

    #[test]
    fn of_an_unknown_document_everything_is_missing() {
        let missing = compare("a".into(), vec![revision("1-x")], None).expect("missing");
        assert_eq!(missing.missing, [revision("1-x")]);
        assert!(missing.possible_ancestors.is_empty());
        assert_eq!(compare("a".into(), Vec::new(), None), None);
    }
}
