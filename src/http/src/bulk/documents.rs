//! `POST /{db}/_bulk_docs`: many edits in one request. All documents are read and checked before the
//! first is stored, so that a request that cannot be understood changes nothing. What is answered
//! for each is in `outcome`.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use memchr::memmem;
use refuge_document::{Incoming, json, parse_bulk, parse_document};

use super::outcome::{Outcome, status, write_errors, write_results};
use super::too_many;
use crate::access;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::locals;
use crate::node::{Database, Node, Update, UpdateResult};
use crate::partitions::check_id;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::update::{self, Edits};
use crate::user::User;
use crate::validated::update_as;

/// Bytes up to which a request is parsed at once instead of on a thread for slow work.
const PARSED_INLINE_BYTES: usize = 512 * 1024;

/// What stands before the id of a local document.
const LOCAL_PREFIX: &str = "_local/";

/// Stores what was posted; 201 with one result for each document, or with the errors alone where the
/// edits were made elsewhere.
pub(crate) async fn bulk_documents(
    node: &Arc<dyn Node>,
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::POST], "POST")?;
    let text = request.json_bytes(request.limits().max_json_size).await?;
    let (documents, edits) = parse_aside(text).await?;
    let (database, limits) = (database.as_ref(), request.limits());
    if documents.len() > limits.max_bulk_docs_count {
        return Err(too_many("max_bulk_docs_count_exceeded", limits.max_bulk_docs_count));
    }
    let named = name_all(node.as_ref(), documents);
    named.iter().try_for_each(|(id, _)| check_id(database, id))?;
    let mut plan = Plan::with_capacity(named.len());
    for (id, incoming) in named {
        let task = if id.starts_with(LOCAL_PREFIX) {
            Task::Local(Box::new(incoming))
        } else if let Err(refusal) = access::check_write(database, &request.user, &id) {
            Task::Refused(refusal)
        } else {
            // The id is needed for the answer as well as for the edit.
            let update =
                update::prepare(database, limits, id.clone(), incoming, edits, Vec::new()).await?;
            plan.updates.push(update);
            Task::Update
        };
        plan.tasks.push((id, task));
    }
    let outcomes = plan.carry_out((database, &request.user), limits).await?;
    let mut text = Vec::with_capacity(outcomes.len() * 96 + 2);
    match edits {
        Edits::New => write_results(&mut text, &outcomes),
        Edits::Replicated => write_errors(&mut text, &outcomes),
    }
    Ok(reply::json(status(&outcomes).unwrap_or(StatusCode::CREATED), text))
}

/// What is to be done for each document, in the order in which they were posted.
struct Plan {
    tasks: Vec<(String, Task)>,
    /// The edits of all `Task::Update`, in their order.
    updates: Vec<Update>,
}

enum Task {
    /// The next of the plan's updates.
    Update,
    /// Stores a local document.
    Local(Box<Incoming>),
    /// Nothing, for this reason.
    Refused(Failure),
}

impl Plan {
    fn with_capacity(documents: usize) -> Self {
        Self { tasks: Vec::with_capacity(documents), updates: Vec::with_capacity(documents) }
    }

    /// Does it all. Fails as a whole only where nothing was stored because the node is busy.
    async fn carry_out(
        self,
        (database, user): (&dyn Database, &User),
        limits: &Limits,
    ) -> Result<Vec<Outcome>, Failure> {
        let revisions: Vec<_> =
            self.updates.iter().map(|update| named_revision(&update.kind)).collect();
        let mut results =
            update_all(database, user, self.updates).await?.into_iter().zip(revisions);
        let mut outcomes = Vec::with_capacity(self.tasks.len());
        for (id, task) in self.tasks {
            outcomes.push(match task {
                Task::Refused(failure) => Outcome::refused(id, failure),
                Task::Local(incoming) => store_local(database, (user, limits), id, *incoming).await,
                Task::Update => match results.next() {
                    Some((Ok(revision), _)) => Outcome::stored(id, revision.to_string()),
                    Some((Err(failure), revision)) => Outcome::failed(id, revision, failure.into()),
                    None => Outcome::refused(id, no_answer()),
                },
            });
        }
        Ok(outcomes)
    }
}

/// The revision by which an edit that was made elsewhere is named in its error.
fn named_revision(kind: &refuge_document::EditKind) -> Option<String> {
    match kind {
        refuge_document::EditKind::Replicated { path, .. } => path.first().map(ToString::to_string),
        refuge_document::EditKind::Interactive { .. } | refuge_document::EditKind::First => None,
    }
}

async fn update_all(
    database: &dyn Database,
    user: &User,
    updates: Vec<Update>,
) -> Result<Vec<UpdateResult>, Failure> {
    if updates.is_empty() {
        return Ok(Vec::new());
    }
    let results = update_as(database, user, updates).await?;
    match super::outcome::busy(&results) {
        Some(busy) => Err(busy),
        None => Ok(results),
    }
}

fn no_answer() -> Failure {
    Failure::Internal("the database gave no answer to an edit".to_owned())
}

async fn store_local(
    database: &dyn Database,
    who: (&User, &Limits),
    id: String,
    incoming: Incoming,
) -> Outcome {
    let name = id.strip_prefix(LOCAL_PREFIX).unwrap_or_default();
    match locals::write(database, who, name, incoming).await {
        Ok(revision) => Outcome::stored(id, format!("0-{revision}")),
        Err(failure) => Outcome::refused(id, failure),
    }
}

/// Gives an id to every document that came without.
fn name_all(node: &dyn Node, documents: Vec<Incoming>) -> Vec<(String, Incoming)> {
    let nameless = documents.iter().filter(|document| document.id.is_none()).count();
    let mut identifiers = match nameless {
        0 => Vec::new(),
        count => node.new_identifiers(count),
    }
    .into_iter();
    let mut named = Vec::with_capacity(documents.len());
    for mut document in documents {
        let id = document.id.take().or_else(|| identifiers.next()).unwrap_or_default();
        named.push((id, document));
    }
    named
}

async fn parse_aside(text: Bytes) -> Result<(Vec<Incoming>, Edits), Failure> {
    if text.len() <= PARSED_INLINE_BYTES {
        return parse(&text);
    }
    tokio::task::spawn_blocking(move || parse(&text))
        .await
        .map_err(|error| Failure::Internal(format!("parsing failed: {error}")))?
}

fn parse(text: &[u8]) -> Result<(Vec<Incoming>, Edits), Failure> {
    let request = parse_bulk(text)?;
    refuse_all_or_nothing(text)?;
    let documents = request.documents.iter().map(|document| parse_document(document));
    let documents = documents.collect::<Result<Vec<Incoming>, _>>()?;
    let edits = if request.new_edits { Edits::New } else { Edits::Replicated };
    Ok((documents, edits))
}

/// A member that CouchDB 3 knows and refuses; it would change what the answer means.
fn refuse_all_or_nothing(text: &[u8]) -> Result<(), Failure> {
    const NAME: &str = "all_or_nothing";
    // Nearly always it is nowhere, and the second look at the members is not needed.
    if memmem::find(text, NAME.as_bytes()).is_none() {
        return Ok(());
    }
    let Ok(members) = json::members(text) else { return Ok(()) };
    let asked = members.flatten().any(|(name, value)| name == NAME && value == b"true");
    if !asked {
        return Ok(());
    }
    Err(Failure::NotImplemented("all_or_nothing is not supported".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_of(text: &str) -> u16 {
        parse(text.as_bytes()).expect_err(text).status().0.as_u16()
    }

    #[test]
    fn documents_and_the_kind_of_edits_are_read() {
        let text = br#"{"new_edits": false, "docs": [{"_id": "a", "_rev": "1-a"}, {"x": 1}]}"#;
        let (documents, edits) = parse(text).expect("good");
        assert_eq!(edits, Edits::Replicated);
        assert_eq!(documents.len(), 2);
        assert_eq!(documents.first().and_then(|document| document.id.as_deref()), Some("a"));
        let (documents, edits) = parse(br#"{"docs": []}"#).expect("good");
        assert!(documents.is_empty());
        assert_eq!(edits, Edits::New);
    }

    #[test]
    fn one_bad_document_makes_the_whole_request_bad() {
        assert_eq!(status_of(r#"{"docs": [{"_id": "a"}, {"_id": "_b"}]}"#), 400);
        assert_eq!(status_of(r#"{"docs": [{"_id": ""}]}"#), 400);
        assert_eq!(status_of(r#"{"docs": [{"_other": 1}]}"#), 400);
        assert_eq!(status_of(r#"{"docs": [1]}"#), 400);
        assert_eq!(status_of(r#"{"docs": {}}"#), 400);
        assert_eq!(status_of(r#"{}"#), 400);
        assert_eq!(status_of(r#"{"docs": [], "new_edits": 1}"#), 400);
        assert_eq!(status_of(r#"{"docs": []"#), 400);
    }

    #[test]
    fn all_or_nothing_is_refused_where_it_is_a_wish() {
        assert_eq!(status_of(r#"{"docs": [], "all_or_nothing": true}"#), 501);
        assert!(parse(br#"{"docs": [], "all_or_nothing": false}"#).is_ok());
        assert!(parse(br#"{"docs": [{"all_or_nothing": true}]}"#).is_ok());
    }
}
