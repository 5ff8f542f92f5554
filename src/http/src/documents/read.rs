//! Reading one document: the winner, a revision, or its open revisions.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::header::{ETAG, IF_NONE_MATCH};
use refuge_document::{BodyPlace, Leaf, Revision};

use crate::failure::Failure;
use crate::node::{Database, DocumentTree, StoredBody, StoredDocument};
use crate::reply::{self, Reply, set_revision_tag};
use crate::request::Request;
use crate::show::{AttachmentBytes, ShowOptions, Showing, Shown, send, show, show_in_stream};
use crate::stream::ReplySender;
use crate::tags;

use super::related;

/// Why a document is not found of which nothing is known, or not the revision that is asked for.
pub(super) const MISSING: &str = "missing";

/// A revision that was found, with its content.
pub(crate) struct Opened {
    /// The revision.
    pub(crate) leaf: Leaf,
    /// Its content.
    pub(crate) content: StoredBody,
    /// The document's tree, where it was read.
    pub(crate) tree: Option<DocumentTree>,
    /// Update sequence of the document's last change.
    pub(crate) sequence: u64,
}

impl Opened {
    /// For [`show`].
    pub(crate) fn shown<'a>(&'a self, id: &'a str) -> Shown<'a> {
        Shown {
            id,
            revision: &self.leaf.revision,
            deleted: self.leaf.deleted,
            content: &self.content,
            tree: self.tree.as_ref(),
            sequence: self.sequence,
        }
    }
}

/// `GET` and `HEAD /{db}/{docid}`.
pub(crate) async fn read(
    request: &Request,
    database: &Arc<dyn Database>,
    id: &str,
) -> Result<Reply, Failure> {
    // An empty list is as none.
    if !matches!(request.query.text("open_revs"), None | Some("[]")) {
        return Box::pin(open_revisions(request, database, id)).await;
    }
    let options = ShowOptions::from_query(&request.query)?;
    let revision = request.query.revision("rev")?;
    let latest = request.query.is_true("latest");
    let opened = open(database.as_ref(), id, revision.as_ref(), latest, &options).await?;
    let with_bytes = options.attachments && !opened.content.attachments.is_empty();
    if with_bytes && request.accepts("multipart/related") {
        return Box::pin(related::answer(request, database, id, opened, options)).await;
    }
    let mut text = Vec::with_capacity(opened.content.body.as_bytes().len() + 128);
    let shown = opened.shown(id);
    let mut showing =
        show(&mut text, database.as_ref(), shown, &options, AttachmentBytes::Later).await?;
    let gaps = std::mem::take(&mut showing.gaps);
    Ok(tagged(request, &opened.leaf.revision, &showing, || {
        if gaps.is_empty() {
            return reply::json(StatusCode::OK, text);
        }
        let (database, attachments) = (database.clone(), opened.content.attachments);
        reply::json_stream(|mut sender| async move {
            send(&mut sender, database.as_ref(), &text, &gaps, &attachments).await?;
            sender.buffer().push(b'\n');
            sender.flush().await
        })
    }))
}

/// Puts the ETag on an answer, or answers that the client has it already.
pub(super) fn tagged(
    request: &Request,
    revision: &Revision,
    showing: &Showing,
    answer: impl FnOnce() -> Reply,
) -> Reply {
    if showing.meta {
        return answer();
    }
    if let Some(header) = request.header(IF_NONE_MATCH)
        && tags::names(header, &format!("\"{revision}\""))
    {
        let mut reply = reply::empty(StatusCode::NOT_MODIFIED);
        set_revision_tag(&mut reply, revision);
        return reply;
    }
    let mut reply = answer();
    if !reply.headers().contains_key(ETAG) {
        set_revision_tag(&mut reply, revision);
    }
    reply
}

/// The winner, or the revision that is asked for (with `latest`, the leaf below it).
pub(super) async fn open(
    database: &dyn Database,
    id: &str,
    revision: Option<&Revision>,
    latest: bool,
    options: &ShowOptions,
) -> Result<Opened, Failure> {
    match revision {
        Some(revision) => Box::pin(open_in_tree(database, id, revision, latest)).await,
        None if options.need_tree() => {
            Box::pin(open_winner_in_tree(database, id, options.deleted)).await
        }
        None => open_winner(database, id, options.deleted).await,
    }
}

async fn open_in_tree(
    database: &dyn Database,
    id: &str,
    revision: &Revision,
    latest: bool,
) -> Result<Opened, Failure> {
    let tree = tree(database, id).await?.ok_or_else(missing)?;
    let leaf = if latest {
        tree.tree.descend(revision).into_iter().next()
    } else {
        leaf_at(&tree, revision)
    };
    open_leaf(database, leaf.ok_or_else(missing)?, tree).await
}

async fn open_winner_in_tree(
    database: &dyn Database,
    id: &str,
    even_deleted: bool,
) -> Result<Opened, Failure> {
    let tree = tree(database, id).await?.ok_or_else(missing)?;
    let leaf = tree.tree.winner().ok_or_else(missing)?;
    if leaf.deleted && !even_deleted {
        return Err(Failure::NotFound("deleted".to_owned()));
    }
    open_leaf(database, leaf, tree).await
}

async fn open_winner(
    database: &dyn Database,
    id: &str,
    even_deleted: bool,
) -> Result<Opened, Failure> {
    let StoredDocument { sequence, leaf, content } =
        database.winner(id).await?.ok_or_else(missing)?;
    if leaf.deleted && !even_deleted {
        return Err(Failure::NotFound("deleted".to_owned()));
    }
    let content = content.ok_or_else(missing)?;
    Ok(Opened { leaf, content, tree: None, sequence })
}

/// A document as it is now, or one of its revisions; for endpoints that want its content.
/// `Failure::NotFound` where there is none.
pub(crate) async fn open_revision(
    database: &dyn Database,
    id: &str,
    revision: Option<&Revision>,
) -> Result<Opened, Failure> {
    open(database, id, revision, false, &ShowOptions::default()).await
}

pub(crate) fn missing() -> Failure {
    Failure::NotFound(MISSING.to_owned())
}

async fn tree(database: &dyn Database, id: &str) -> Result<Option<DocumentTree>, Failure> {
    Ok(database.trees(vec![id.to_owned()]).await?.pop().flatten())
}

fn leaf_at(tree: &DocumentTree, revision: &Revision) -> Option<Leaf> {
    let view = tree.tree.find(revision)?;
    Some(Leaf { revision: revision.clone(), deleted: view.deleted, place: view.place })
}

async fn open_leaf(
    database: &dyn Database,
    leaf: Leaf,
    tree: DocumentTree,
) -> Result<Opened, Failure> {
    if leaf.place == BodyPlace::Missing {
        return Err(missing());
    }
    let content = database.bodies(vec![leaf.place]).await?.pop().flatten().ok_or_else(missing)?;
    Ok(Opened { leaf, content, sequence: tree.sequence, tree: Some(tree) })
}

/// `open_revs`: all leaves, or what is stored of the revisions listed.
async fn open_revisions(
    request: &Request,
    database: &Arc<dyn Database>,
    id: &str,
) -> Result<Reply, Failure> {
    let options = ShowOptions::from_query(&request.query)?;
    let all = request.query.text("open_revs") == Some("all");
    let listed =
        if all { None } else { Some(request.query.revisions("open_revs")?.unwrap_or_default()) };
    let tree = tree(database.as_ref(), id).await?;
    let latest = request.query.is_true("latest");
    let found = find(tree.as_ref(), listed, latest);
    if all && found.is_empty() {
        return Err(missing());
    }
    let answer = OpenRevisions { database: database.clone(), id: id.to_owned(), tree, options };
    if request.accepts("multipart/mixed") {
        return Ok(related::mixed(answer, found));
    }
    Ok(reply::json_stream(|mut sender| async move {
        sender.buffer().push(b'[');
        for (number, found) in found.into_iter().enumerate() {
            if number > 0 {
                sender.buffer().push(b',');
            }
            answer.write(&mut sender, found).await?;
        }
        sender.buffer().extend_from_slice(b"]\n");
        sender.flush().await
    }))
}

/// A revision that is in the tree, or one that is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Leaf(Leaf),
    Missing(Revision),
}

fn find(tree: Option<&DocumentTree>, listed: Option<Vec<Revision>>, latest: bool) -> Vec<Found> {
    let Some(tree) = tree else {
        return listed.unwrap_or_default().into_iter().map(Found::Missing).collect();
    };
    let Some(listed) = listed else {
        return tree.tree.leaves().into_iter().map(Found::Leaf).collect();
    };
    let mut found: Vec<Found> = Vec::with_capacity(listed.len());
    for revision in listed {
        let leaves = if latest {
            tree.tree.descend(&revision)
        } else {
            leaf_at(tree, &revision).into_iter().collect()
        };
        if leaves.is_empty() {
            found.push(Found::Missing(revision));
        }
        for leaf in leaves {
            let leaf = Found::Leaf(leaf);
            if !found.contains(&leaf) {
                found.push(leaf);
            }
        }
    }
    found
}

/// What the pieces of an answer to `open_revs` are written from.
pub(super) struct OpenRevisions {
    pub(super) database: Arc<dyn Database>,
    pub(super) id: String,
    tree: Option<DocumentTree>,
    pub(super) options: ShowOptions,
}

impl OpenRevisions {
    /// Sends `{"ok":…}` or `{"missing":…}`.
    async fn write(&self, sender: &mut ReplySender, found: Found) -> Result<(), Failure> {
        match self.open(found).await? {
            Ok(opened) => {
                sender.buffer().extend_from_slice(b"{\"ok\":");
                let shown = opened.shown(&self.id);
                show_in_stream(sender, self.database.as_ref(), shown, &self.options).await?;
                sender.buffer().push(b'}');
            }
            Err(missing) => write_missing(sender.buffer(), &missing),
        }
        sender.flush_when_full().await
    }

    /// The content of what was found; the revision alone where its body is not stored.
    pub(super) async fn open(&self, found: Found) -> Result<Result<Opened, Revision>, Failure> {
        let leaf = match found {
            Found::Missing(revision) => return Ok(Err(revision)),
            Found::Leaf(leaf) => leaf,
        };
        let content = match leaf.place {
            BodyPlace::Missing => None,
            place => self.database.bodies(vec![place]).await?.pop().flatten(),
        };
        let Some(content) = content else { return Ok(Err(leaf.revision)) };
        let sequence = self.tree.as_ref().map_or(0, |tree| tree.sequence);
        Ok(Ok(Opened { leaf, content, tree: self.tree.clone(), sequence }))
    }
}

/// Appends `{"missing":…}`.
pub(super) fn write_missing(out: &mut Vec<u8>, revision: &Revision) {
    out.extend_from_slice(b"{\"missing\":\"");
    revision.write_text(out);
    out.extend_from_slice(b"\"}");
}
