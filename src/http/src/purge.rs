//! `_purge`, `_purged_infos` and `_purged_infos_limit`: documents leave as if they had never been, and
//! a record of it stays for a while (CouchDB documentation, "api/database/misc").

use std::sync::Arc;

use hyper::{Method, StatusCode};
use refuge_document::json::write_string;

use crate::bulk::{self, begin_member, write_revisions};
use crate::failure::Failure;
use crate::limits;
use crate::node::{Database, PurgeLimits, PurgedDocument};
use crate::partitions::check_id;
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::stream::ReplySender;

/// Records that are read at a time.
const PAGE_RECORDS: usize = 500;

/// `POST /{db}/_purge`: `{"purge_seq": null, "purged": {id: [revision, …], …}}`. The purge sequence is
/// `null` as in CouchDB, whose clusters have none to tell.
pub(crate) async fn purge(
    request: &mut Request,
    database: &dyn Database,
) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::POST], "POST")?;
    let text = request.json_bytes(request.limits().max_json_size).await?;
    let documents = merged(bulk::listed_revisions(&text)?);
    check(&documents, database.purge_limits())?;
    documents.iter().try_for_each(|document| check_id(database, &document.id))?;
    let count = documents.len() as u64;
    let purged = database.purge(documents).await;
    if let Some(metrics) = request.session.metrics() {
        let outcome = if purged.is_ok() { &metrics.purges.good } else { &metrics.purges.bad };
        outcome.increment(count);
    }
    let purged = purged?;
    let mut text = b"{\"purge_seq\":null,\"purged\":{".to_vec();
    for (number, document) in purged.iter().enumerate() {
        begin_member(&mut text, number, &document.id);
        write_revisions(&mut text, &document.revisions);
    }
    text.extend_from_slice(b"}}");
    Ok(reply::json(StatusCode::CREATED, text))
}

/// Of an id that is listed twice the last list counts, as of every repeated member.
fn merged(listed: Vec<(String, Vec<refuge_document::Revision>)>) -> Vec<PurgedDocument> {
    let mut places = std::collections::HashMap::with_capacity(listed.len());
    let mut documents: Vec<PurgedDocument> = Vec::with_capacity(listed.len());
    for (id, revisions) in listed {
        let place = *places.entry(id.clone()).or_insert(documents.len());
        match documents.get_mut(place) {
            Some(document) => document.revisions = revisions,
            None => documents.push(PurgedDocument { id, revisions }),
        }
    }
    documents
}

fn check(documents: &[PurgedDocument], limits: PurgeLimits) -> Result<(), Failure> {
    let exceeded = |what| Err(Failure::BadRequest(format!("Exceeded maximum number of {what}.")));
    if documents.len() > limits.documents {
        return exceeded("documents");
    }
    let revisions: usize = documents.iter().map(|document| document.revisions.len()).sum();
    if revisions > limits.revisions {
        return exceeded("revisions");
    }
    Ok(())
}

/// `GET /{db}/_purged_infos`: `{"purged_infos": [{"id": …, "revs": […]}, …]}`, oldest first.
pub(crate) fn purged_infos(
    request: &Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET")?;
    let database = database.clone();
    Ok(reply::json_stream(|sender| write_purges(database, sender)))
}

async fn write_purges(database: Arc<dyn Database>, mut sender: ReplySender) -> Result<(), Failure> {
    sender.buffer().extend_from_slice(b"{\"purged_infos\":[");
    let (mut after, mut first) = (0, true);
    loop {
        let page = database.purges(after, PAGE_RECORDS).await?;
        for purge in &page.purges {
            let out = sender.buffer();
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"id\":");
            write_string(out, &purge.id);
            out.extend_from_slice(b",\"revs\":");
            write_revisions(out, &purge.revisions);
            out.push(b'}');
            sender.flush_when_full().await?;
        }
        if page.finished {
            break;
        }
        after = page.last;
    }
    sender.buffer().extend_from_slice(b"]}");
    sender.flush().await
}

/// `GET` and `PUT /{db}/_purged_infos_limit`: how many records are kept.
pub(crate) async fn purged_infos_limit(
    request: &mut Request,
    database: &dyn Database,
) -> Result<Reply, Failure> {
    match request.method {
        Method::GET | Method::HEAD => {
            let limit = database.purge_records_limit().await?;
            Ok(reply::json(StatusCode::OK, limit.to_string().into_bytes()))
        }
        Method::PUT => {
            let given: serde_json::Value = request.json(limits::SMALL_JSON_BYTES).await?;
            let limit = given.as_u64().filter(|limit| *limit > 0).ok_or_else(|| {
                Failure::BadRequest("`purged_infos_limit` must be positive integer".to_owned())
            })?;
            // More than this are never kept, so that a greater limit is the same.
            let limit = u32::try_from(limit).unwrap_or(u32::MAX);
            database.set_purge_records_limit(limit).await?;
            Ok(reply::ok(StatusCode::OK))
        }
        _ => Err(Failure::MethodNotAllowed("GET,PUT")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Vec<PurgedDocument> {
        merged(bulk::listed_revisions(text.as_bytes()).expect("good"))
    }

    #[test]
    fn a_request_names_so_many_documents_and_revisions_at_most() {
        let limits = PurgeLimits { documents: 2, revisions: 3 };
        let reason = |text| check(&asked(text), limits).expect_err("too many").to_string();
        assert!(check(&asked(r#"{"a":["1-a","1-b"],"b":["1-c"]}"#), limits).is_ok());
        assert_eq!(reason(r#"{"a":[],"b":[],"c":[]}"#), "Exceeded maximum number of documents.");
        assert_eq!(
            reason(r#"{"a":["1-a","1-b","1-c","1-d"]}"#),
            "Exceeded maximum number of revisions."
        );
    }

    #[test]
    fn of_an_id_that_is_listed_twice_the_last_list_counts() {
        let documents = asked(r#"{"a":["1-a"],"b":[],"a":["2-b"]}"#);
        assert_eq!(documents.len(), 2);
        assert_eq!(documents.first().map(|one| one.revisions.len()), Some(1));
        assert_eq!(
            documents.first().map(|one| one.revisions[0].to_string()).as_deref(),
            Some("2-b")
        );
    }
}
