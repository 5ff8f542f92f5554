//! A database of this node as an end of a replication, without HTTP in between. What is asked and
//! answered is replication's; how it is read and stored is the database's.

mod reading;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use refuge_client::CarriedDocument;
use refuge_document::{Body, BodyPlace, Leaf, sequence_text};
use refuge_http::{
    ADMIN_ROLE, Database, Failure, LocalDocument, NewDatabase, ReplicatedDocument,
    ReplicatedStream, UpdateFailure, User, replicated_document, replicated_stream,
    replicated_update, replicated_update_of_stream, update_as,
};
use refuge_otp::Names;
use refuge_replication::{
    Answer, Carriage, Checkpoint, Difference, DocumentsPage, EndFailure, EndFailureKind,
    Information, Refusal, Request, Wanted,
};

use crate::node_service::{self, OpenDatabase};
use reading::Asked;

/// One end.
#[derive(Clone)]
pub(super) struct LocalEnd {
    names: Names,
    name: String,
}

impl LocalEnd {
    pub(super) fn new(names: Names, name: String) -> Self {
        Self { names, name }
    }

    pub(super) async fn perform(&self, request: Request) -> Result<Answer, EndFailure> {
        self.answer(request).await.map_err(|failure| end_failure(&failure))
    }

    /// One revision as a stream from `offset` on; `None` where it is no longer stored.
    pub(super) async fn read_revision(
        &self,
        wanted: &Wanted,
        offset: u64,
    ) -> Result<Option<CarriedDocument>, EndFailure> {
        let Some(revision) = wanted.revisions.first() else { return Ok(None) };
        let stream = async {
            let database: Arc<dyn Database> = node_service::open(&self.names, &self.name).await?;
            let ancestors = wanted.possible_ancestors.clone();
            replicated_stream(&database, &wanted.id, revision, ancestors, offset).await
        };
        let stream = stream.await.map_err(|failure| end_failure(&failure))?;
        Ok(stream.map(|ReplicatedStream { content_type, length, body }| CarriedDocument {
            content_type,
            resumable_length: length,
            body,
        }))
    }

    /// Stores a revision that comes as a stream.
    pub(super) async fn store_revision(
        &self,
        id: &str,
        document: CarriedDocument,
    ) -> Result<Carriage, EndFailure> {
        let CarriedDocument { content_type, resumable_length, body } = document;
        let stored = async {
            let database = node_service::open(&self.names, &self.name).await?;
            let stream = ReplicatedStream { content_type, length: resumable_length, body };
            let rules = node_service::rules(&self.names);
            let update = replicated_update_of_stream(database.as_ref(), rules, id, stream).await?;
            update_as(database.as_ref(), &writer(), vec![update]).await
        };
        let results = match stored.await {
            Ok(results) => results,
            Err(failure) => return refused_stream(id, failure),
        };
        match results.into_iter().next() {
            Some(Ok(_)) => Ok(Carriage::Stored),
            Some(Err(UpdateFailure::Failed(failure))) => Err(end_failure(&failure)),
            Some(Err(failure)) => Ok(Carriage::Refused(refusal(id.to_owned(), &failure))),
            None => Err(EndFailure::transient("the database gave no answer to an edit")),
        }
    }

    async fn answer(&self, request: Request) -> Result<Answer, Failure> {
        if let Request::CreateDatabase { ttl, partitioned } = request {
            let options = NewDatabase { ttl, partitioned, ..NewDatabase::default() };
            return match node_service::create_as(&self.names, &self.name, options).await {
                Ok(()) | Err(Failure::DatabaseExists) => Ok(Answer::Created),
                Err(failure) => Err(failure),
            };
        }
        let database = node_service::open(&self.names, &self.name).await?;
        match request {
            Request::Information => information(&database).await,
            Request::CreateDatabase { .. } => Ok(Answer::Created),
            Request::Checkpoint { local_id } => checkpoint(&database, &local_id).await,
            Request::WriteCheckpoint { local_id, body, revision } => {
                write_checkpoint(&database, &local_id, &body, revision.as_deref()).await
            }
            Request::DesignDocument { name } => reading::design_document(&database, &name).await,
            Request::Changes { selection, since, limit, wait } => {
                let asked = Asked { selection: &selection, since: &since, limit, wait };
                reading::changes(&database, asked).await
            }
            Request::RevisionsDiff { revisions } => differences(&database, revisions).await,
            Request::Documents { wanted, limit_bytes } => {
                documents(&database, wanted, limit_bytes).await
            }
            Request::Store { documents } => store(&self.names, &database, documents).await,
            Request::Carry { .. } => {
                let reason = "a revision is carried between two ends, not by one";
                Err(Failure::Internal(reason.to_owned()))
            }
            // Whatever was answered here is on disk.
            Request::EnsureFullCommit => {
                Ok(Answer::Committed { instance_start_time: database.instance().to_owned() })
            }
        }
    }
}

fn end_failure(failure: &Failure) -> EndFailure {
    let kind = match failure {
        Failure::NoDatabase => EndFailureKind::DatabaseMissing,
        Failure::Unauthorized(_) => EndFailureKind::Unauthorized,
        Failure::Forbidden(_) => EndFailureKind::Forbidden,
        Failure::Conflict => EndFailureKind::Conflict,
        Failure::CheckpointTooOld { .. } => EndFailureKind::CheckpointTooOld,
        Failure::Busy { retry_after, .. } => EndFailureKind::Transient {
            retry_after_ms: u64::try_from(retry_after.as_millis()).ok(),
        },
        Failure::Unavailable(_) | Failure::Internal(_) => {
            EndFailureKind::Transient { retry_after_ms: None }
        }
        _ => EndFailureKind::Permanent,
    };
    EndFailure::of(kind, failure.to_string())
}

async fn information(database: &OpenDatabase) -> Result<Answer, Failure> {
    let information = database.information().await?;
    Ok(Answer::Information(Information {
        update_sequence: sequence_text(information.update_sequence, database.instance()),
        instance_start_time: database.instance().to_owned(),
        ttl: database.options().ttl,
    }))
}

async fn checkpoint(database: &OpenDatabase, local_id: &str) -> Result<Answer, Failure> {
    let Some(document) = database.local(local_id).await? else {
        return Ok(Answer::Checkpoint(None));
    };
    let body = serde_json::from_slice(document.body.as_bytes())
        .map_err(|error| Failure::Internal(error.to_string()))?;
    let revision = format!("0-{}", document.revision);
    Ok(Answer::Checkpoint(Some(Checkpoint { revision, body })))
}

async fn write_checkpoint(
    database: &OpenDatabase,
    local_id: &str,
    body: &serde_json::Value,
    revision: Option<&str>,
) -> Result<Answer, Failure> {
    let text = serde_json::to_vec(body).map_err(|error| Failure::Internal(error.to_string()))?;
    let body = Body::parse(&text).map_err(|error| Failure::Internal(error.to_string()))?;
    let former = revision
        .and_then(|revision| revision.strip_prefix("0-"))
        .and_then(|number| number.parse::<u64>().ok())
        .unwrap_or(0);
    let document = LocalDocument { revision: former + 1, body };
    let revision = format!("0-{}", document.revision);
    database.write_local(local_id, Some(document)).await?;
    Ok(Answer::CheckpointWritten { revision })
}

async fn differences(
    database: &OpenDatabase,
    revisions: BTreeMap<String, Vec<refuge_document::Revision>>,
) -> Result<Answer, Failure> {
    let trees = database.trees(revisions.keys().cloned().collect()).await?;
    let mut differences = BTreeMap::new();
    for ((id, revisions), tree) in revisions.into_iter().zip(trees) {
        let difference = match tree {
            None => Difference { missing: revisions, possible_ancestors: Vec::new() },
            Some(known) => {
                let missing = known.tree.missing(&revisions);
                let possible_ancestors = known.tree.possible_ancestors(&missing);
                Difference { missing, possible_ancestors }
            }
        };
        if !difference.missing.is_empty() {
            differences.insert(id, difference);
        }
    }
    Ok(Answer::Differences(differences))
}

async fn documents(
    database: &OpenDatabase,
    wanted: Vec<Wanted>,
    limit_bytes: usize,
) -> Result<Answer, Failure> {
    let trees = database.trees(wanted.iter().map(|wanted| wanted.id.clone()).collect()).await?;
    let mut page = DocumentsPage::default();
    let mut bytes = 0;
    let mut wanted = wanted.into_iter().zip(trees);
    for (wanted, tree) in wanted.by_ref() {
        let Some(tree) = tree else {
            page.gone += wanted.revisions.len() as u64;
            continue;
        };
        let mut leaves: Vec<Leaf> = Vec::new();
        for revision in &wanted.revisions {
            for leaf in tree.tree.descend(revision) {
                if !leaves.contains(&leaf) {
                    leaves.push(leaf);
                }
            }
        }
        for leaf in leaves.iter().filter(|leaf| leaf.place != BodyPlace::Missing) {
            let ancestors = wanted.possible_ancestors.clone();
            match replicated_document(database, &wanted.id, &tree, leaf, ancestors).await? {
                ReplicatedDocument::Gone => page.gone += 1,
                ReplicatedDocument::Large => {
                    let revisions = vec![leaf.revision.clone()];
                    page.carried.push(Wanted { revisions, ..wanted.clone() });
                }
                ReplicatedDocument::Text(text) => {
                    bytes += text.len();
                    page.documents.push(text);
                }
            }
        }
        if bytes >= limit_bytes {
            break;
        }
    }
    page.remaining = wanted.map(|(wanted, _)| wanted).collect();
    Ok(Answer::Documents(page))
}

async fn store(
    names: &Names,
    database: &Arc<OpenDatabase>,
    documents: Vec<Bytes>,
) -> Result<Answer, Failure> {
    let rules = node_service::rules(names);
    let mut updates = Vec::with_capacity(documents.len());
    for text in documents {
        updates.push(replicated_update(database.as_ref(), &rules.limits, text).await?);
    }
    let ids: Vec<String> = updates.iter().map(|update| update.id.clone()).collect();
    let results = update_as(database.as_ref(), &writer(), updates).await?;
    let mut refused = Vec::new();
    for (id, result) in ids.into_iter().zip(results) {
        match result {
            Ok(_) => {}
            // Not refused but failed: the whole batch is sent again.
            Err(UpdateFailure::Failed(failure)) => return Err(failure.as_ref().clone()),
            Err(failure) => refused.push(refusal(id, &failure)),
        }
    }
    Ok(Answer::Stored { refused })
}

/// A document that is none, or damaged, is refused; anything else concerns all documents.
fn refused_stream(id: &str, failure: Failure) -> Result<Carriage, EndFailure> {
    match failure {
        Failure::BadRequest(_)
        | Failure::Invalid { .. }
        | Failure::TooLarge { .. }
        | Failure::BadContentType(_) => {
            let (_, error) = failure.status();
            let reason = failure.to_string();
            let (id, error) = (id.to_owned(), error.to_owned());
            Ok(Carriage::Refused(Refusal { id, error, reason }))
        }
        failure => Err(end_failure(&failure)),
    }
}

/// Whom the functions of design documents see. Replications are a server admin's to start.
fn writer() -> User {
    User { name: None, roles: vec![ADMIN_ROLE.to_owned()] }
}

fn refusal(id: String, failure: &UpdateFailure) -> Refusal {
    let error = match failure {
        UpdateFailure::Refused(failure) => failure.status().1,
        UpdateFailure::MissingStub { .. } => "missing_stub",
        _ => "conflict",
    };
    Refusal { id, error: error.to_owned(), reason: failure.to_string() }
}
