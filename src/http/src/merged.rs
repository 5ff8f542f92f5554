//! The edit that stores what a `merge` function made of the leaves of a document. Which leaves they are, and
//! when they are merged, is not decided here.

use refuge_document::{
    Access, Attachment, Body, EditKind, Expiry, IncomingAttachment, IncomingContent, Revision,
    parse_digest, parse_document,
};
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::limits::Limits;
use crate::node::{Database, Update, UpdateAttachment};
use crate::update::{access, check_size};

/// A leaf that was merged.
#[derive(Clone, Debug)]
pub struct MergedLeaf {
    /// Its revision.
    pub revision: Revision,
    /// Its attachments.
    pub attachments: Vec<Attachment>,
    /// Whom it admits, where the database's documents say so. A merge that tells nobody admits those whom all
    /// leaves admit.
    pub access: Access,
}

/// The edits that put `text`, a document as a function returned it, on top of the first leaf, and delete the
/// others. They depend on the text and on the leaves alone, and so do their revisions.
///
/// Without `_attachments` the first leaf's stay. With it those that it lists do, each a stub of some leaf's.
///
/// # Errors
/// Where the text is no document, is too large, or lists an attachment that no leaf has.
pub fn merged_update(
    database: &dyn Database,
    limits: &Limits,
    (id, text): (&str, &str),
    leaves: &[MergedLeaf],
) -> Result<Vec<Update>, Failure> {
    let Some((winner, others)) = leaves.split_first() else { return Ok(Vec::new()) };
    let incoming = parse_document(text.as_bytes())?;
    if incoming.id.as_ref().is_some_and(|told| told != id) {
        return Err(Failure::BadRequest("a merge does not change the `_id`".to_owned()));
    }
    check_size(limits, id, &incoming.body)?;
    let body = match &incoming.expires {
        Some(value) if database.options().ttl => incoming.body.expiring(moment(value)?),
        _ => incoming.body,
    };
    let body = match &incoming.access {
        Some(value) => body.with_access(&access(database, id, value)?),
        None => {
            let all = others.iter().map(|leaf| &leaf.access);
            body.with_access(&all.fold(winner.access.clone(), |all, one| all.common(one)))
        }
    };
    let listed: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
    let attachments = match listed.contains_key("_attachments") {
        false => winner.attachments.iter().cloned().map(UpdateAttachment::New).collect(),
        true => incoming
            .attachments
            .iter()
            .map(|one| kept(one, winner, others).map(UpdateAttachment::New))
            .collect::<Result<_, _>>()?,
    };
    let merged = Update {
        id: id.to_owned(),
        deleted: incoming.deleted,
        body,
        attachments,
        kind: EditKind::Interactive { parent: Some(winner.revision.clone()) },
    };
    let tombstone = |leaf: &MergedLeaf| Update {
        id: id.to_owned(),
        deleted: true,
        body: Body::empty(),
        attachments: Vec::new(),
        kind: EditKind::Interactive { parent: Some(leaf.revision.clone()) },
    };
    Ok(std::iter::once(merged).chain(others.iter().map(tombstone)).collect())
}

/// When a merged document expires: a moment, as its leaves tell it, since what counts from now would be
/// another one on each node.
fn moment(value: &[u8]) -> Result<Expiry, Failure> {
    let expiry = Expiry::read(value, 0)?;
    if Expiry::read(value, 1_000)?.unix_ms() != expiry.unix_ms() {
        let reason = "a merge tells `_expires` as a moment, not as seconds from now";
        return Err(Failure::BadRequest(reason.to_owned()));
    }
    Ok(expiry)
}

/// The attachment that a stub stands for: the winner's, else that of the first leaf which has it. One of
/// another leaf is new to the winner's branch, as of the merged revision.
fn kept(
    listed: &IncomingAttachment,
    winner: &MergedLeaf,
    others: &[MergedLeaf],
) -> Result<Attachment, Failure> {
    if listed.content != IncomingContent::Stub {
        let reason = "a merge keeps attachments of its leaves as stubs and brings no new ones";
        return Err(Failure::BadRequest(reason.to_owned()));
    }
    let digest = listed.digest.as_deref().and_then(parse_digest);
    let is_meant = |one: &&Attachment| {
        one.name == listed.name && digest.is_none_or(|digest| digest == one.digest)
    };
    if let Some(own) = winner.attachments.iter().find(is_meant) {
        return Ok(own.clone());
    }
    let other = others.iter().find_map(|leaf| leaf.attachments.iter().find(is_meant));
    let other = other.map(|one| Attachment { revpos: 0, ..one.clone() });
    other.ok_or_else(|| {
        Failure::MissingStub(format!("no leaf has the attachment {} of the merge", listed.name))
    })
}
