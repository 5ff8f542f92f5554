//! `POST /{db}/_bulk_get`: revisions of many documents. The answer is written group by group and
//! always JSON, which every client of this endpoint takes.

mod wish;

use std::sync::Arc;

use hyper::Method;
use refuge_document::json::write_string;
use refuge_document::{BodyPlace, Leaf, Revision};

use self::wish::{Wish, parse, write_bad, write_missing};
use super::too_many;
use crate::failure::Failure;
use crate::node::{Database, DocumentTree, StoredBody};
use crate::query::Query;
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
    let most = request.limits().max_bulk_get_count;
    if wishes.len() > most {
        return Err(too_many("max_bulk_get_count_exceeded", most));
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_other_reads_are_refused() {
        let failure = read_options(&Query::parse(Some("rev=1-a"))).expect_err("refused");
        assert_eq!(failure.to_string(), "\"rev\" query parameter is not acceptable");
        assert!(read_options(&Query::parse(Some("revs=true&latest=true"))).is_ok());
    }
}
