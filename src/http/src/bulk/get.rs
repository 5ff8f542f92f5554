//! `POST /{db}/_bulk_get`: revisions of many documents, as JSON or, where the client does not take
//! that, in the parts of a multipart answer. It is written group by group; how one document looks is
//! in `json` and `parts`.

mod json;
mod parts;
mod wish;

use std::collections::VecDeque;
use std::sync::Arc;

use hyper::Method;
use refuge_document::{BodyPlace, Leaf, Revision};

use self::parts::Parts;
use self::wish::{Wish, parse};
use super::too_many;
use crate::documents::{boundary, header};
use crate::failure::Failure;
use crate::node::{Database, DocumentTree, StoredBody};
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::show::{ShowOptions, Shown};
use crate::stream::ReplySender;

/// Documents whose trees are read at a time.
const GROUP_DOCUMENTS: usize = 32;

/// Bodies that are held at a time; the largest have 8 MB.
const HELD_BODIES: usize = 8;

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
    let wishes = parse(&text, database.is_partitioned())?;
    let most = request.limits().max_bulk_get_count;
    if wishes.len() > most {
        return Err(too_many("max_bulk_get_count_exceeded", most));
    }
    let mut groups = wishes.into_iter();
    let answer =
        Answer { database: database.clone(), options, latest: request.query.is_true("latest") };
    // What fails here can still be told by a status; most requests are no longer than a group.
    let first = answer.look_up(take_group(&mut groups)).await?;
    let Some(media_type) = multipart_type(request) else {
        let form = Form::Json { first: true };
        return Ok(reply::json_stream(|sender| answer.run(sender, form, first, groups)));
    };
    let boundary = boundary();
    let content_type = header(&format!("{media_type}; boundary=\"{boundary}\""));
    let form = Form::Multipart(Parts::new(boundary));
    Ok(reply::stream(content_type, None, |sender| answer.run(sender, form, first, groups)))
}

/// The media type of a multipart answer, where the client takes one and no JSON.
fn multipart_type(request: &Request) -> Option<&'static str> {
    if request.accepts("application/json") {
        return None;
    }
    ["multipart/mixed", "multipart/related"].into_iter().find(|one| request.accepts(one))
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

/// A wish with what is known of its document.
struct LookedUp {
    wish: Wish,
    tree: Option<DocumentTree>,
    found: Vec<Found>,
}

/// In which form an answer is written.
enum Form {
    /// One object; whether its first result is still to come.
    Json {
        first: bool,
    },
    Multipart(Parts),
}

/// An answer under way.
struct Answer {
    database: Arc<dyn Database>,
    options: ShowOptions,
    latest: bool,
}

impl Answer {
    /// Writes the answer, whose first group is looked up already.
    async fn run(
        self,
        mut sender: ReplySender,
        mut form: Form,
        mut group: Vec<LookedUp>,
        mut wishes: std::vec::IntoIter<Wish>,
    ) -> Result<(), Failure> {
        if let Form::Json { .. } = form {
            sender.buffer().extend_from_slice(json::BEGINNING);
        }
        loop {
            self.write_group(&mut sender, &mut form, group).await?;
            if wishes.len() == 0 {
                break;
            }
            group = self.look_up(take_group(&mut wishes)).await?;
        }
        match form {
            Form::Json { .. } => sender.buffer().extend_from_slice(json::END),
            Form::Multipart(parts) => parts.end(&mut sender),
        }
        sender.flush().await
    }

    async fn look_up(&self, group: Vec<Wish>) -> Result<Vec<LookedUp>, Failure> {
        let ids = group.iter().filter_map(|wish| match wish {
            Wish::Document { id, .. } => Some(id.clone()),
            Wish::Bad(_) => None,
        });
        let mut trees = self.database.trees(ids.collect()).await?.into_iter();
        let look_up = |wish: Wish| {
            let tree = if matches!(wish, Wish::Bad(_)) { None } else { trees.next().flatten() };
            let found = self.find(&wish, tree.as_ref());
            LookedUp { wish, tree, found }
        };
        Ok(group.into_iter().map(look_up).collect())
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

    async fn write_group(
        &self,
        sender: &mut ReplySender,
        form: &mut Form,
        group: Vec<LookedUp>,
    ) -> Result<(), Failure> {
        let places = group.iter().flat_map(|one| one.found.iter().map(place)).collect();
        let mut bodies = Bodies { places, ready: VecDeque::new() };
        for one in group {
            match form {
                Form::Json { first } => {
                    let first = std::mem::take(first);
                    json::write(self, sender, one, &mut bodies, first).await?;
                }
                Form::Multipart(parts) => parts.write(self, sender, one, &mut bodies).await?,
            }
            sender.flush_when_full().await?;
        }
        Ok(())
    }

    /// What is shown of the documents of a wish whose client has these revisions.
    fn options(&self, attachments_since: &[Revision]) -> ShowOptions {
        let mut options = self.options.clone();
        if !attachments_since.is_empty() {
            options.attachments = true;
            options.atts_since = Some(attachments_since.to_vec());
        }
        options
    }
}

/// The bodies of a group in their order, a few held at a time.
struct Bodies {
    places: VecDeque<BodyPlace>,
    ready: VecDeque<Option<StoredBody>>,
}

impl Bodies {
    /// The next body; `None` where it is not stored.
    async fn next(&mut self, database: &dyn Database) -> Result<Option<StoredBody>, Failure> {
        if self.ready.is_empty() {
            let count = self.places.len().min(HELD_BODIES);
            self.ready = database.bodies(self.places.drain(..count).collect()).await?.into();
        }
        Ok(self.ready.pop_front().flatten())
    }
}

/// A revision of a document for `show`.
fn shown<'a>(
    id: &'a str,
    leaf: &'a Leaf,
    content: &'a StoredBody,
    tree: &'a DocumentTree,
) -> Shown<'a> {
    let sequence = tree.sequence;
    let Leaf { revision, deleted, .. } = leaf;
    Shown { id, revision, deleted: *deleted, content, tree: Some(tree), sequence }
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
