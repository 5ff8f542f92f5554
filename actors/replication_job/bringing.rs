//! One document from another node into the database of the same name here, as a replication would bring
//! it: with all its leaves and their histories, asked of `validate_doc_update` for the one who wants it. What
//! the other node answers beside what it was asked for is left out. No machine and no checkpoint: whoever
//! wants it asks again where it fails.

use std::sync::Arc;

use bytes::Bytes;
use refuge_client::LinkOptions;
use refuge_document::Revision;
use refuge_http::{Database, Failure};
use refuge_mesh::NodeId;
use refuge_otp::Names;
use refuge_replication::{
    Answer, Carriage, Choice, DocumentsPage, EndFailure, EndFailureKind, EndPoint, PeerEnd,
    Request, Selection, SocketOptions, UserContext, Wanted, is_restricted,
};

use super::local_end::{self, LocalEnd};
use super::{JobEnd, Way, carrying};
use crate::node_service;

/// Bytes of documents that one page may have: many nodes are asked side by side.
const PAGE_BYTES: usize = 8 * 1024 * 1024;
/// Pages that are read of one document.
const MOST_PAGES: usize = 32;
/// Leaves of one document: none that people write has so many conflicts.
const MOST_LEAVES: usize = 1_000;

/// Brings the document over, for somebody; whether it was there, not deleted, and is here now.
///
/// # Errors
/// What either end failed with, or refused.
pub(crate) async fn bring(
    names: &Names,
    node: NodeId,
    (database, document): (&str, &str),
    user: &UserContext,
) -> Result<bool, EndFailure> {
    let peer = PeerEnd { id: node, database: database.to_owned() };
    let source = end(names, EndPoint::Peer(peer), user).await?;
    let Some(asked) = leaves(&source, document).await? else { return Ok(false) };
    // Whatever else becomes known here while it is asked for and judged counts more.
    let user = local_end::acting(Some(user));
    let target = JobEnd::Local(LocalEnd::new(names, database, &user).beside(&asked.revisions));
    let (mut left, mut is_here) = (vec![asked.clone()], false);
    for number in 0..MOST_PAGES {
        if left.is_empty() {
            break;
        }
        let request = Request::Documents { wanted: left, limit_bytes: PAGE_BYTES };
        let Answer::Documents(mut page) = source.clone().perform(request).await? else { break };
        keep_asked_for(&mut page, &asked)?;
        let open = node_service::open(names, database).await.map_err(failed)?;
        if !open.has_access() {
            keep_open(&mut page);
        }
        // Asking took a while: what became known here meanwhile, a deletion above all, counts more.
        if number == 0
            && let Some(is_here) = is_known(open.as_ref(), document).await?
        {
            return Ok(is_here);
        }
        left = std::mem::take(&mut page.remaining);
        is_here |= match store(page, (&source, &target)).await {
            Err(failure) => is_known(open.as_ref(), document).await?.ok_or(failure)?,
            Ok(is_stored) => is_stored,
        };
    }
    Ok(is_here)
}

/// Whether the document is here, not deleted; none where nothing is known of it.
async fn is_known(open: &dyn Database, document: &str) -> Result<Option<bool>, EndFailure> {
    let known = open.winner(document).await.map_err(failed)?;
    Ok(known.map(|known| !known.leaf.deleted))
}

async fn end(names: &Names, point: EndPoint, user: &UserContext) -> Result<JobEnd, EndFailure> {
    let (link, sockets) = (LinkOptions::default(), SocketOptions::default());
    let user = &local_end::acting(Some(user));
    let way = Way { user, link: &link, sockets, proxy: None };
    let made = JobEnd::new(names, &point, &way).await;
    made.map_err(|error| EndFailure::permanent(error.to_string()))
}

fn failed(failure: Failure) -> EndFailure {
    EndFailure::permanent(failure.to_string())
}

/// Leaves out whatever is another document or another revision than was asked for: the other node may
/// answer what it likes.
fn keep_asked_for(page: &mut DocumentsPage, asked: &Wanted) -> Result<(), EndFailure> {
    let count = page.documents.len() + page.carried.len() + page.remaining.len();
    let of_it = |wanted: &Wanted| {
        let is_asked = |revision| asked.revisions.contains(revision);
        wanted.id == asked.id && wanted.revisions.iter().all(is_asked)
    };
    page.documents.retain(|text| is_asked_for(text, asked));
    page.carried.retain(of_it);
    page.remaining.retain(of_it);
    if page.documents.len() + page.carried.len() + page.remaining.len() == count {
        return Ok(());
    }
    let reason = "the node answered with what it was not asked for";
    if page.documents.is_empty() && page.carried.is_empty() {
        return Err(EndFailure::permanent(reason));
    }
    tracing::warn!(id = asked.id, "{reason}");
    Ok(())
}

/// Whether a text names the document and one of the revisions, and nothing else: of members with one name
/// the last would count.
fn is_asked_for(text: &Bytes, asked: &Wanted) -> bool {
    let Ok(members) = refuge_document::json::members(text) else { return false };
    let (mut ids, mut revisions) = (0, 0);
    for member in members {
        let Ok((name, value)) = member else { return false };
        let value = || refuge_document::json::string(value);
        let is_asked = match name.as_ref() {
            "_id" => {
                ids += 1;
                value().is_some_and(|id| id == asked.id.as_str())
            }
            "_rev" => {
                revisions += 1;
                let revision = value().and_then(|text| text.parse::<Revision>().ok());
                revision.is_some_and(|revision| asked.revisions.contains(&revision))
            }
            _ => true,
        };
        if !is_asked {
            return false;
        }
    }
    ids > 0 && revisions > 0
}

/// Here everybody would read what says there who may.
fn keep_open(page: &mut DocumentsPage) {
    page.documents.retain(|text| !is_restricted(text));
    let restricted = std::mem::take(&mut page.restricted);
    let is_open = |wanted: &Wanted| {
        restricted.iter().all(|(_, revision)| !wanted.revisions.contains(revision))
    };
    page.carried.retain(is_open);
}

/// The leaves of a document at its source.
async fn leaves(source: &JobEnd, document: &str) -> Result<Option<Wanted>, EndFailure> {
    let choice = Choice::Documents(vec![document.to_owned()]);
    let selection = Arc::new(Selection { choice, winners_only: false });
    let since = "0".to_owned();
    let request = Request::Changes { selection, since, limit: 1, wait: false };
    let answer = match source.clone().perform(request).await {
        Err(failure) if shows_nothing(failure.kind) => return Ok(None),
        answer => answer?,
    };
    let Answer::Changes(page) = answer else { return Ok(None) };
    let found = page.rows.into_iter().find(|row| row.id == document);
    let wanted = found.map(|row| Wanted {
        id: row.id,
        revisions: row.revisions,
        possible_ancestors: Vec::new(),
    });
    if wanted.as_ref().is_some_and(|wanted| wanted.revisions.len() > MOST_LEAVES) {
        return Err(EndFailure::permanent(format!("the document has over {MOST_LEAVES} leaves")));
    }
    Ok(wanted)
}

/// A node that has no such database, or keeps it from this one, has the document as little as any other that
/// lacks it.
fn shows_nothing(kind: EndFailureKind) -> bool {
    use EndFailureKind::{DatabaseMissing, Forbidden, Unauthorized};
    matches!(kind, DatabaseMissing | Forbidden | Unauthorized)
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
    let (mut stored, mut refused_one) = (false, false);
    if count > 0
        && let Answer::Stored { refused, overdue } =
            target.clone().perform(Request::Store { documents }).await?
    {
        if let Some(refusal) = refused.first().or(overdue.first()) {
            tracing::info!(id = refusal.id, reason = refusal.reason, "a document was not taken");
            refused_one = true;
        }
        stored = refused.len() + overdue.len() < count;
    }
    for wanted in carried {
        let answer = carrying::carry(source, target, wanted, None).await?;
        stored |= matches!(answer, Answer::Carried(Carriage::Stored));
        refused_one |= matches!(answer, Answer::Carried(Carriage::Refused(_)));
    }
    if refused_one && !stored {
        // The node has it: another who asks may be allowed to store it.
        return Err(EndFailure::permanent("a document that was found was not taken"));
    }
    Ok(stored)
}

fn is_deleted(text: &Bytes) -> bool {
    let members = refuge_document::json::members(text);
    members.is_ok_and(|mut members| {
        members.any(|one| one.is_ok_and(|(name, value)| name == "_deleted" && value == b"true"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Wanted {
        let revisions = ["1-aa", "2-bb"].map(|text| text.parse().expect("a revision"));
        Wanted { id: "a".to_owned(), revisions: revisions.into(), possible_ancestors: Vec::new() }
    }

    fn page(texts: &[&'static str]) -> DocumentsPage {
        let documents = texts.iter().map(|text| Bytes::from_static(text.as_bytes())).collect();
        DocumentsPage { documents, ..DocumentsPage::default() }
    }

    #[test]
    fn a_peer_that_lies_writes_no_document_that_it_was_not_asked_for() {
        let wanted = asked();
        for lie in [
            r#"{"_id":"_design/a","_rev":"1-aa","validate_doc_update":"x"}"#,
            r#"{"_id":"b","_rev":"1-aa"}"#,
            r#"{"_id":"a","_rev":"9-aa"}"#,
            r#"{"_id":"a","_rev":"1-aa","_id":"b"}"#,
            r#"{"_id":"a","_rev":"1-aa","\u005fid":"b"}"#,
            r#"{"_id":"a","_rev":"1-aa","_rev":"7-aa"}"#,
            r#"{"_id":"a"}"#,
            r#"{"_rev":"1-aa"}"#,
            r#"{"_id":"a","_rev":"1-aa""#,
        ] {
            let mut alone = page(&[lie]);
            assert!(keep_asked_for(&mut alone, &wanted).is_err(), "{lie}");
            let truth = r#"{"_id":"a","_rev":"2-bb","_id2":"b"}"#;
            let mut both = page(&[lie, truth]);
            assert!(keep_asked_for(&mut both, &wanted).is_ok(), "{lie}");
            assert_eq!(both.documents, page(&[truth]).documents, "{lie}");
        }
    }

    #[test]
    fn a_peer_that_lies_has_nothing_carried_that_it_was_not_asked_for() {
        let (wanted, other) = (asked(), Wanted { id: "b".to_owned(), ..asked() });
        let carried = vec![other.clone(), wanted.clone()];
        let mut page =
            DocumentsPage { carried, remaining: vec![other], ..DocumentsPage::default() };
        assert!(keep_asked_for(&mut page, &wanted).is_ok());
        assert_eq!((page.carried, page.remaining), (vec![wanted], Vec::new()));
    }
}
