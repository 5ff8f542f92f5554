//! Documents that are asked for by their ids, in the order in which they are asked for; missing and
//! deleted ones have rows too. Walking all ids is in `listing`.

use std::sync::Arc;

use refuge_document::{BodyPlace, Leaf};
use serde_json::Value;

use super::Listed;
use super::listing::total_rows;
use super::parameters::Parameters;
use super::row::{self, CLOSING, Heading, RowDocument};
use crate::failure::Failure;
use crate::node::{Database, DocumentTree, StoredBody};
use crate::row_sink::{RowSink, Separated};
use crate::stream::ReplySender;

/// Documents that are read at a time; with bodies of a few KiB each about a page of a listing.
const GROUP_DOCUMENTS: usize = 200;

/// An answer whose keys are known.
pub(super) struct Keyed {
    database: Arc<dyn Database>,
    parameters: Parameters,
    keys: Vec<Value>,
    heading: Heading,
    first: Vec<Found>,
}

/// What is known under one key.
struct Found {
    document: Option<(Leaf, DocumentTree)>,
    content: Option<StoredBody>,
}

impl Keyed {
    /// Reads the first group, so that what fails can still be told by a status.
    pub(super) async fn begin(
        database: Arc<dyn Database>,
        listed: Listed,
        parameters: Parameters,
        keys: Vec<Value>,
    ) -> Result<Self, Failure> {
        let keys = chosen(keys, &parameters, listed);
        let total = total_rows(database.as_ref(), listed).await?;
        let update_seq = parameters.update_seq.then_some(None);
        let heading = Heading { total, offset: None, update_seq };
        let mut answer = Self { database, parameters, keys, heading, first: Vec::new() };
        if let Some(group) = answer.keys.chunks(GROUP_DOCUMENTS).next() {
            answer.first = answer.read(group).await?;
        }
        Ok(answer)
    }

    /// Writes the whole answer.
    pub(super) async fn run(self, sender: &mut ReplySender) -> Result<(), Failure> {
        self.heading.write(sender.buffer());
        self.walk(&mut Separated::new(sender)).await?;
        sender.buffer().extend_from_slice(CLOSING);
        sender.flush_when_full().await
    }

    /// What stands before the rows.
    pub(super) fn heading(&self) -> &Heading {
        &self.heading
    }

    /// Writes all rows.
    pub(super) async fn walk(mut self, sink: &mut impl RowSink) -> Result<(), Failure> {
        let keys = std::mem::take(&mut self.keys);
        let mut found = std::mem::take(&mut self.first);
        for group in keys.chunks(GROUP_DOCUMENTS) {
            if found.is_empty() {
                found = self.read(group).await?;
            }
            for (key, found) in group.iter().zip(found.drain(..)) {
                self.write(sink.open(), key, &found).await?;
                sink.close().await?;
            }
        }
        Ok(())
    }

    async fn write(
        &self,
        sender: &mut ReplySender,
        key: &Value,
        found: &Found,
    ) -> Result<(), Failure> {
        let out = sender.buffer();
        let (Value::String(id), Some((leaf, tree))) = (key, &found.document) else {
            row::write_missing(out, key);
            return Ok(());
        };
        row::open(out, id, leaf);
        if self.parameters.include_docs {
            let document = RowDocument {
                id,
                leaf,
                sequence: tree.sequence,
                content: found.content.as_ref(),
                tree: Some(tree),
            };
            let options = &self.parameters.show;
            row::write_document(sender, self.database.as_ref(), document, options).await?;
        }
        sender.buffer().push(b'}');
        Ok(())
    }

    async fn read(&self, group: &[Value]) -> Result<Vec<Found>, Failure> {
        // A key that is no text is no id; the empty text is none either, and never stored. Documents of other
        // partitions are none here.
        let ids = group.iter().map(|key| {
            let id = key.as_str().filter(|id| self.parameters.is_asked(id));
            id.unwrap_or_default().to_owned()
        });
        let trees = self.database.trees(ids.collect()).await?;
        let documents: Vec<Option<(Leaf, DocumentTree)>> = trees
            .into_iter()
            .map(|tree| tree.and_then(|tree| Some((tree.tree.winner()?, tree))))
            .collect();
        let contents = if self.parameters.include_docs {
            self.database.bodies(documents.iter().map(wanted_body).collect()).await?
        } else {
            documents.iter().map(|_| None).collect()
        };
        let found = documents.into_iter().zip(contents);
        Ok(found.map(|(document, content)| Found { document, content }).collect())
    }
}

/// Where the body of a live document is; deleted ones are shown without theirs.
fn wanted_body(document: &Option<(Leaf, DocumentTree)>) -> BodyPlace {
    match document {
        Some((leaf, _)) if !leaf.deleted => leaf.place,
        _ => BodyPlace::Missing,
    }
}

/// The keys whose rows are wanted, in the order of the rows. Of a list of some documents, the keys
/// of others are left out.
pub(super) fn chosen(mut keys: Vec<Value>, parameters: &Parameters, listed: Listed) -> Vec<Value> {
    if let Some(prefix) = listed.prefix() {
        keys.retain(|key| key.as_str().is_some_and(|key| key.starts_with(prefix)));
    }
    if parameters.descending {
        keys.reverse();
    }
    keys.into_iter().skip(parameters.skip).take(parameters.limit).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_turned_round_before_they_are_skipped_and_limited() {
        let keys = || vec![json!("a"), json!("b"), json!("c")];
        let parameters =
            Parameters { descending: true, skip: 1, limit: 1, ..Parameters::default() };
        assert_eq!(chosen(keys(), &parameters, Listed::All), [json!("b")]);
        assert_eq!(chosen(keys(), &Parameters::default(), Listed::All), keys());
    }

    #[test]
    fn keys_of_other_documents_are_left_out() {
        let keys = || vec![json!("a"), json!("_design/b"), json!(1), json!("_local/c")];
        let chosen = |listed| chosen(keys(), &Parameters::default(), listed);
        assert_eq!(chosen(Listed::Design), [json!("_design/b")]);
        assert_eq!(chosen(Listed::Local), [json!("_local/c")]);
        assert_eq!(chosen(Listed::All).len(), 4);
    }
}
