//! The leaves of a document in conflict, and what they have in common, as a `merge` function sees them.

use refuge_document::json::write_string;
use refuge_document::{Leaf, Rendering, Revision, RevisionTree, render_document};
use refuge_http::{MergedLeaf, StoredBody};
use refuge_storage::{DatabaseId, Snapshot, StorageError};

use crate::node_service::{body, tree};

/// Leaves beyond which a document is left as it is.
const MOST_LEAVES: usize = 100;
/// The same in bytes of their bodies.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// What is asked of a document.
pub(super) enum Conflict {
    /// It is in none.
    None,
    /// It cannot be asked about, for this reason.
    Unasked(&'static str),
    /// This.
    Question(Question),
}

/// A document in conflict.
pub(super) struct Question {
    /// The arguments of the function: a JSON array.
    pub(super) arguments: String,
    /// The live leaves, winner first.
    pub(super) leaves: Vec<MergedLeaf>,
}

/// Reads a document with its leaves.
pub(super) fn read(
    snapshot: &Snapshot,
    database: DatabaseId,
    id: &str,
) -> Result<Conflict, StorageError> {
    let Some(found) = tree(snapshot, database, id)? else { return Ok(Conflict::None) };
    let leaves = found.tree.leaves().into_iter().filter(|leaf| !leaf.deleted);
    let leaves: Vec<Leaf> = leaves.collect();
    if leaves.len() < 2 {
        return Ok(Conflict::None);
    }
    if leaves.len() > MOST_LEAVES {
        return Ok(Conflict::Unasked("it has more than 100 live leaves; delete some of them"));
    }
    let mut arguments = b"[".to_vec();
    write_string(&mut arguments, id);
    arguments.extend_from_slice(b",[");
    let mut merged = Vec::with_capacity(leaves.len());
    let mut bytes = 0;
    for (number, leaf) in leaves.iter().enumerate() {
        let Some(content) = body(snapshot, database, leaf.place)? else {
            return Ok(Conflict::Unasked("the body of a leaf is not stored"));
        };
        bytes += content.body.as_bytes().len();
        if bytes > MOST_BYTES {
            return Ok(Conflict::Unasked("its leaves are larger than 8 MiB together"));
        }
        if number > 0 {
            arguments.push(b',');
        }
        render(&mut arguments, id, &leaf.revision, &content);
        let revision = leaf.revision.clone();
        let access = content.body.access();
        merged.push(MergedLeaf { revision, attachments: content.attachments, access });
    }
    arguments.extend_from_slice(b"],");
    match base(snapshot, database, (&found.tree, &leaves))? {
        Some((revision, content)) => render(&mut arguments, id, &revision, &content),
        None => arguments.extend_from_slice(b"null"),
    }
    arguments.push(b']');
    let Ok(arguments) = String::from_utf8(arguments) else {
        return Ok(Conflict::Unasked("it is not UTF-8"));
    };
    Ok(Conflict::Question(Question { arguments, leaves: merged }))
}

fn render(out: &mut Vec<u8>, id: &str, revision: &Revision, content: &StoredBody) {
    let rendering = Rendering {
        attachments: &content.attachments,
        ..Rendering::new(id, revision, &content.body)
    };
    render_document(out, &rendering);
}

/// The nearest revision that all leaves come from, where its body is still there.
fn base(
    snapshot: &Snapshot,
    database: DatabaseId,
    (tree, leaves): (&RevisionTree, &[Leaf]),
) -> Result<Option<(Revision, StoredBody)>, StorageError> {
    let mut histories = leaves.iter().map(|leaf| tree.history(&leaf.revision).unwrap_or_default());
    let mut common = histories.next().unwrap_or_default();
    for history in histories {
        common.retain(|revision| history.contains(revision));
    }
    // Histories begin with their newest revision.
    let Some(nearest) = common.into_iter().next() else { return Ok(None) };
    let Some(node) = tree.find(&nearest) else { return Ok(None) };
    Ok(body(snapshot, database, node.place)?.map(|content| (nearest, content)))
}
