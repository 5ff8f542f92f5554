//! Hashes of Erlang's external term format. Revision ids are the MD5 of an edit in it, so that the
//! same edit here and on CouchDB is the same revision; the default names of Mango indexes are made of
//! it too, in the form of a later version of Erlang.

mod term;

use md5::{Digest as _, Md5};

use crate::attachment::Attachment;
use crate::body::Body;
use crate::revision::{Revision, RevisionHash};

pub use term::{TermForm, Terms};

/// The revision that an edit makes. Attachments are given in the order in which `_attachments`
/// lists them.
///
/// Source: CouchDB's `couch_db`, function `new_revid`: the term is
/// `[Deleted, ParentDepth, ParentHash, Body, [{Name, Type, Md5}]]`, its attachments in the reverse
/// of their listed order.
pub fn revision_id(
    parent: Option<&Revision>,
    deleted: bool,
    body: &Body,
    attachments: &[Attachment],
) -> Revision {
    let parent_depth = parent.map_or(0, |parent| parent.depth);
    let mut terms = Terms::new(TermForm::Minor1, body.as_bytes().len());
    terms.list(5);
    terms.atom(if deleted { "true" } else { "false" });
    terms.integer(i64::from(parent_depth));
    match parent {
        Some(parent) => terms.binary(parent.hash.as_bytes()),
        None => terms.integer(0),
    }
    terms.json(body.as_bytes());
    if !attachments.is_empty() {
        terms.list(attachments.len());
    }
    for attachment in attachments.iter().rev() {
        terms.tuple(3);
        terms.binary(attachment.name.as_bytes());
        terms.binary(attachment.content_type.as_bytes());
        terms.binary(&attachment.digest);
    }
    terms.nil();
    terms.nil();
    Revision {
        depth: parent_depth.saturating_add(1),
        hash: RevisionHash::from_digest(Md5::digest(terms.as_bytes()).into()),
    }
}

#[cfg(test)]
mod tests;
