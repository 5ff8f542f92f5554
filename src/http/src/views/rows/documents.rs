//! The documents that belong to some rows: the one that made the row, or the one that its value names
//! by `_id`, in the revision that it names by `_rev` where it does (CouchDB documentation,
//! "ddocs/views/joins").

use std::collections::HashMap;

use refuge_document::{BodyPlace, Leaf, Revision};
use serde_json::Value;

use crate::failure::Failure;
use crate::node::{Database, DocumentTree, StoredBody, ViewRow};
use crate::show::{ShowOptions, Shown, show_in_stream};
use crate::stream::ReplySender;

/// The documents of some rows, each of them once.
pub(super) struct Documents {
    found: Vec<Option<Document>>,
    /// For each row the number of its document.
    of_rows: Vec<usize>,
}

struct Document {
    id: String,
    leaf: Leaf,
    tree: DocumentTree,
    content: StoredBody,
}

/// Which document a row asks for.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Wanted {
    id: String,
    revision: Option<Revision>,
}

impl Documents {
    /// Reads them.
    pub(super) async fn read(database: &dyn Database, rows: &[ViewRow]) -> Result<Self, Failure> {
        let (wanted, of_rows) = each_once(rows.iter().map(wanted));
        let trees = database.trees(wanted.iter().map(|one| one.id.clone()).collect()).await?;
        let chosen: Vec<Option<(Leaf, DocumentTree)>> = trees
            .into_iter()
            .zip(&wanted)
            .map(|(tree, wanted)| tree.and_then(|tree| Some((choose(&tree, wanted)?, tree))))
            .collect();
        let places = chosen.iter().map(|chosen| match chosen {
            Some((leaf, _)) => leaf.place,
            None => BodyPlace::Missing,
        });
        let contents = database.bodies(places.collect()).await?;
        let found =
            chosen.into_iter().zip(contents).zip(wanted).map(|((chosen, content), wanted)| {
                let ((leaf, tree), content) = (chosen?, content?);
                Some(Document { id: wanted.id, leaf, tree, content })
            });
        Ok(Self { found: found.collect(), of_rows })
    }

    /// Sends the member `doc` of a row, by its number among the rows; `null` where there is none.
    pub(super) async fn write(
        &self,
        sender: &mut ReplySender,
        database: &dyn Database,
        row: usize,
        options: &ShowOptions,
    ) -> Result<(), Failure> {
        sender.buffer().extend_from_slice(b",\"doc\":");
        let number = self.of_rows.get(row);
        let Some(Some(document)) = number.and_then(|&number| self.found.get(number)) else {
            sender.buffer().extend_from_slice(b"null");
            return Ok(());
        };
        let shown = Shown {
            id: &document.id,
            revision: &document.leaf.revision,
            deleted: document.leaf.deleted,
            content: &document.content,
            tree: Some(&document.tree),
            sequence: document.tree.sequence,
        };
        show_in_stream(sender, database, shown, options).await
    }
}

/// What several ask for once, and for each who asks the number of it.
fn each_once(asked: impl Iterator<Item = Wanted>) -> (Vec<Wanted>, Vec<usize>) {
    let (mut all, mut numbers) = (Vec::new(), HashMap::new());
    let of_rows = asked.map(|wanted| {
        *numbers.entry(wanted).or_insert_with_key(|wanted| {
            all.push(wanted.clone());
            all.len() - 1
        })
    });
    let of_rows = of_rows.collect();
    (all, of_rows)
}

/// A leaf that is not deleted, or the named one.
fn choose(tree: &DocumentTree, wanted: &Wanted) -> Option<Leaf> {
    match &wanted.revision {
        None => tree.tree.winner().filter(|leaf| !leaf.deleted),
        Some(revision) => {
            let node = tree.tree.find(revision)?;
            Some(Leaf { revision: revision.clone(), deleted: node.deleted, place: node.place })
        }
    }
}

fn wanted(row: &ViewRow) -> Wanted {
    named(&row.value).unwrap_or_else(|| Wanted { id: row.id.clone(), revision: None })
}

/// The document that a row's value names.
fn named(value: &[u8]) -> Option<Wanted> {
    if value.first() != Some(&b'{') {
        return None;
    }
    let value: Value = serde_json::from_slice(value).ok()?;
    let id = value.get("_id")?.as_str()?.to_owned();
    let revision = value.get("_rev").and_then(Value::as_str).and_then(|text| text.parse().ok());
    Some(Wanted { id, revision })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, value: &'static str) -> ViewRow {
        ViewRow { id: id.to_owned(), key: "1".into(), value: value.into() }
    }

    #[test]
    fn a_document_that_several_rows_ask_for_is_read_once() {
        let rows = [
            row("a", "1"),
            row("b", r#"{"_id": "a"}"#),
            row("b", "null"),
            row("c", r#"{"_id": "a", "_rev": "1-a"}"#),
            row("a", r#"{"_rev": "1-a"}"#),
        ];
        let (wanted, of_rows) = each_once(rows.iter().map(wanted));
        let named: Vec<_> =
            wanted.iter().map(|one| (one.id.as_str(), one.revision.is_some())).collect();
        assert_eq!(named, [("a", false), ("b", false), ("a", true)]);
        assert_eq!(of_rows, [0, 0, 1, 2, 0]);
    }
}
