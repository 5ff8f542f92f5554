//! How a replication of a document fares, for whom knows the document and not the replication's id.

use refuge_console::ControlError;
use refuge_document::REPLICATOR;
use refuge_otp::Names;
use refuge_replication::DocumentName;
use serde_json::{Value, json};

use super::control::unavailable;
use super::shortening::Shortening;
use crate::names;
use crate::replicator_documents::ReplicatorDocumentsMessage;

/// What is told of a document.
pub(super) struct Told {
    /// The id of its only run, where it has one.
    pub(super) id: Option<String>,
    /// `{"state", "error"}`, and in `nodes` the runs towards nodes, where there are some.
    pub(super) answer: Value,
}

/// The document that a text names: its id in `_replicator`, or `DATABASE/ID`.
pub(super) async fn told(names: &Names, text: &str) -> Result<Option<Told>, ControlError> {
    let name = named(text);
    let ask = |reply| ReplicatorDocumentsMessage::Document { name, reply };
    let row = crate::call(names, names::REPLICATOR_DOCUMENTS, ask).await.map_err(unavailable)?;
    let Some(row) = row else { return Ok(None) };
    let of_info = |member: &str| row.get("info").and_then(|info| info.get(member)).cloned();
    let error = of_info("error").or_else(|| of_info("reason"));
    let error = error.map(|error| Shortening::of(names).shorten_value(error));
    let mut answer = json!({"state": row.get("state"), "error": error});
    let nodes =
        of_info("nodes").filter(|nodes| nodes.as_array().is_some_and(|all| !all.is_empty()));
    if let (Some(nodes), Some(answer)) = (nodes, answer.as_object_mut()) {
        answer.insert("nodes".to_owned(), nodes);
    }
    let id = row.get("id").and_then(Value::as_str).map(str::to_owned);
    Ok(Some(Told { id, answer }))
}

/// A database of replications is called `_replicator`, or something that ends in `/_replicator`.
fn named(text: &str) -> DocumentName {
    let end = text.find(&format!("{REPLICATOR}/")).map(|begin| begin + REPLICATOR.len());
    let parts = end.and_then(|end| text.split_at_checked(end));
    let parts = parts.and_then(|(database, id)| Some((database, id.strip_prefix('/')?)));
    let (database, id) = parts
        .filter(|(database, _)| refuge_document::is_replicator(database))
        .unwrap_or((REPLICATOR, text));
    DocumentName { database: database.into(), id: id.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_a_document() {
        for (text, database, id) in [
            ("one", "_replicator", "one"),
            ("a/b", "_replicator", "a/b"),
            ("_replicator/one", "_replicator", "one"),
            ("team/_replicator/a/b", "team/_replicator", "a/b"),
            ("my_replicator/x", "_replicator", "my_replicator/x"),
        ] {
            let name = named(text);
            assert_eq!((&*name.database, &*name.id), (database, id), "{text}");
        }
    }
}
