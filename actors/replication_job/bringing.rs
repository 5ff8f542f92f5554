//! One document from another node into the database of the same name here, as a replication would bring
//! it: with all its leaves and their histories, asked of `validate_doc_update`. No machine and no
//! checkpoint: whoever wants it asks again where it fails.

use std::sync::Arc;

use bytes::Bytes;
use refuge_client::LinkOptions;
use refuge_mesh::NodeId;
use refuge_otp::Names;
use refuge_replication::{
    Answer, Carriage, Choice, DocumentsPage, EndFailure, EndPoint, PeerEnd, Request, Selection,
    SocketOptions, Wanted, is_restricted,
};

use super::{JobEnd, Way, carrying};
use crate::node_service;

/// Bytes of documents that one page may have.
const PAGE_BYTES: usize = 64 * 1024 * 1024;

/// Brings the document over; whether it was there, not deleted, and is here now.
///
/// # Errors
/// What either end failed with.
pub(crate) async fn bring(
    names: &Names,
    node: NodeId,
    (database, document): (&str, &str),
) -> Result<bool, EndFailure> {
    let peer = PeerEnd { id: node, database: database.to_owned() };
    let source = end(names, EndPoint::Peer(peer)).await?;
    let target = end(names, EndPoint::Local(database.to_owned())).await?;
    let Some(wanted) = leaves(&source, document).await? else { return Ok(false) };
    let request = Request::Documents { wanted: vec![wanted], limit_bytes: PAGE_BYTES };
    let Answer::Documents(mut page) = source.perform(request).await? else { return Ok(false) };
    if !has_access(names, database).await? {
        // Here everybody would read what says there who may.
        page.documents.retain(|text| !is_restricted(text));
        let restricted = std::mem::take(&mut page.restricted);
        let is_open = |wanted: &Wanted| {
            restricted.iter().all(|(_, revision)| !wanted.revisions.contains(revision))
        };
        page.carried.retain(is_open);
    }
    store(page, (&source, &target)).await
}

async fn end(names: &Names, point: EndPoint) -> Result<JobEnd, EndFailure> {
    let (link, sockets) = (LinkOptions::default(), SocketOptions::default());
    let way = Way { user: None, link: &link, sockets, proxy: None };
    let made = JobEnd::new(names, &point, &way).await;
    made.map_err(|error| EndFailure::permanent(error.to_string()))
}

async fn has_access(names: &Names, database: &str) -> Result<bool, EndFailure> {
    let open = node_service::open(names, database).await;
    let open = open.map_err(|failure| EndFailure::permanent(failure.to_string()))?;
    Ok(refuge_http::Database::has_access(open.as_ref()))
}

/// The leaves of a document at its source.
async fn leaves(source: &JobEnd, document: &str) -> Result<Option<Wanted>, EndFailure> {
    let choice = Choice::Documents(vec![document.to_owned()]);
    let selection = Arc::new(Selection { choice, winners_only: false });
    let since = "0".to_owned();
    let request = Request::Changes { selection, since, limit: 1, wait: false };
    let Answer::Changes(page) = source.perform(request).await? else { return Ok(None) };
    let found = page.rows.into_iter().find(|row| row.id == document);
    Ok(found.map(|row| Wanted {
        id: row.id,
        revisions: row.revisions,
        possible_ancestors: Vec::new(),
    }))
}

/// Stores a document that is not deleted in all its leaves.
async fn store(
    page: DocumentsPage,
    (source, target): (&JobEnd, &JobEnd),
) -> Result<bool, EndFailure> {
    let DocumentsPage { documents, carried, .. } = page;
    if carried.is_empty() && documents.iter().all(is_deleted) {
        return Ok(false);
    }
    let count = documents.len();
    let mut stored = false;
    if count > 0
        && let Answer::Stored { refused, overdue } =
            target.perform(Request::Store { documents }).await?
    {
        if let Some(refusal) = refused.first().or(overdue.first()) {
            tracing::info!(id = refusal.id, reason = refusal.reason, "a document was not taken");
        }
        stored = refused.len() + overdue.len() < count;
    }
    for wanted in carried {
        let answer = carrying::carry(source, target, wanted, None).await?;
        stored |= matches!(answer, Answer::Carried(Carriage::Stored));
    }
    Ok(stored)
}

fn is_deleted(text: &Bytes) -> bool {
    let members = refuge_document::json::members(text);
    members.is_ok_and(|mut members| {
        members.any(|one| one.is_ok_and(|(name, value)| name == "_deleted" && value == b"true"))
    })
}
