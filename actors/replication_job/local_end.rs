//! A database of this node as an end of a replication, without HTTP in between. What is asked and
//! answered is replication's; how it is read and stored is the database's.

mod reading;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;

use refuge_client::CarriedDocument;
use refuge_document::{Body, BodyPlace, Leaf, Revision, sequence_text};
use refuge_http::{
    ADMIN_ROLE, Database, Failure, LocalDocument, NewDatabase, ReplicatedDocument,
    ReplicatedStream, User, replicated_document, replicated_stream,
};
use refuge_otp::Names;
use refuge_replication::{
    Answer, Checkpoint, Difference, DocumentsPage, EndFailure, EndFailureKind, Information,
    Instance, Request, UserContext, Wanted,
};

use super::Asking;
use crate::node_service;
use reading::Asked;

/// As whom a job acts: the user that it names, else a server admin, since replications are theirs to start.
pub(super) fn acting(user: Option<&UserContext>) -> Arc<User> {
    let admin = || User { name: None, roles: vec![ADMIN_ROLE.to_owned()] };
    let named = |user: &UserContext| User { name: user.name.clone(), roles: user.roles.clone() };
    Arc::new(user.map_or_else(admin, named))
}

/// One end.
#[derive(Clone)]
pub(super) struct LocalEnd {
    names: Names,
    name: Arc<str>,
    /// Who reads and writes.
    user: Arc<User>,
    /// What is stored is stored beside these leaves alone, where that is said.
    beside: Option<Arc<[Revision]>>,
}

impl LocalEnd {
    /// Acts as the user.
    pub(super) fn new(names: &Names, name: &str, user: &Arc<User>) -> Self {
        Self { names: names.clone(), name: name.into(), user: Arc::clone(user), beside: None }
    }

    /// Stores only where all leaves of a document that are known are among these.
    pub(super) fn beside(mut self, leaves: &[Revision]) -> Self {
        self.beside = Some(leaves.into());
        self
    }

    /// The database as its user sees it, who may use it.
    async fn open(&self) -> Result<Arc<dyn Database>, Failure> {
        let database = node_service::open(&self.names, &self.name).await?;
        if database.security().is_member(&self.user) {
            return database.seen_by(&self.user).await;
        }
        Err(Failure::Forbidden(format!("`user_ctx` is no member of `{}`", self.name)))
    }

    pub(super) fn perform(self, request: Request) -> Asking {
        match request {
            // Waits for hours where nothing changes, and takes no more room than it needs.
            Request::Changes { selection, since, limit, wait } => Box::pin(async move {
                let asked = Asked { selection: &selection, since: &since, limit, wait };
                self.changes(asked).await.map_err(|failure| end_failure(&failure))
            }),
            other => Box::pin(async move {
                self.answer(other).await.map_err(|failure| end_failure(&failure))
            }),
        }
    }

    /// One revision as a stream from `offset` on; `None` where it is no longer stored.
    pub(super) async fn read_revision(
        &self,
        wanted: &Wanted,
        offset: u64,
    ) -> Result<Option<CarriedDocument>, EndFailure> {
        let Some(revision) = wanted.revisions.first() else { return Ok(None) };
        let stream = async {
            let database = self.open().await?;
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

    async fn changes(&self, asked: Asked<'_>) -> Result<Answer, Failure> {
        let database = Box::pin(self.open()).await?;
        reading::changes(&database, &self.user, asked).await
    }

    async fn answer(&self, request: Request) -> Result<Answer, Failure> {
        if let Request::CreateDatabase { ttl, access, partitioned, shards } = request {
            if !self.user.is_server_admin() {
                let reason = "`user_ctx` is no server admin, and so makes no database";
                return Err(Failure::Forbidden(reason.to_owned()));
            }
            let options = NewDatabase { ttl, access, partitioned, shards, security: None };
            return match node_service::create_as(&self.names, &self.name, options).await {
                Ok(()) | Err(Failure::DatabaseExists) => Ok(Answer::Created),
                Err(failure) => Err(failure),
            };
        }
        let database = self.open().await?;
        let opened = database.as_ref();
        match request {
            Request::Information => information(opened).await,
            Request::CreateDatabase { .. } => Ok(Answer::Created),
            Request::Checkpoint { local_id } => checkpoint(opened, &local_id).await,
            Request::WriteCheckpoint { local_id, body, revision } => {
                write_checkpoint(opened, &local_id, &body, revision.as_deref()).await
            }
            Request::DesignDocument { name } => reading::design_document(opened, &name).await,
            Request::Changes { .. } => {
                let reason = "a page of the feed is asked for by itself";
                Err(Failure::Internal(reason.to_owned()))
            }
            Request::RevisionsDiff { revisions } => differences(opened, revisions).await,
            Request::Documents { wanted, limit_bytes } => {
                documents(opened, wanted, limit_bytes).await
            }
            Request::Store { documents } => self.store(opened, documents).await,
            Request::Carry { .. } => {
                let reason = "a revision is carried between two ends, not by one";
                Err(Failure::Internal(reason.to_owned()))
            }
            // Whatever was answered here is on disk.
            Request::EnsureFullCommit => {
                Ok(Answer::Committed { instance: Instance::unique(database.instance()) })
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
        failure if failure.passes() || matches!(failure, Failure::Internal(_)) => {
            EndFailureKind::Transient { retry_after_ms: None }
        }
        _ => EndFailureKind::Permanent,
    };
    EndFailure::of(kind, failure.to_string())
}

async fn information(database: &dyn Database) -> Result<Answer, Failure> {
    let information = database.outline().await?;
    Ok(Answer::Information(Information {
        update_sequence: sequence_text(information.update_sequence, database.instance()),
        instance: Instance::unique(database.instance()),
        ttl: database.options().ttl,
        access: database.has_access(),
    }))
}

async fn checkpoint(database: &dyn Database, local_id: &str) -> Result<Answer, Failure> {
    let Some(document) = database.local(local_id).await? else {
        return Ok(Answer::Checkpoint(None));
    };
    let body = serde_json::from_slice(document.body.as_bytes())
        .map_err(|error| Failure::Internal(error.to_string()))?;
    let revision = format!("0-{}", document.revision);
    Ok(Answer::Checkpoint(Some(Checkpoint { revision, body })))
}

async fn write_checkpoint(
    database: &dyn Database,
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
    database: &dyn Database,
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

/// Whether a revision says who may read it.
async fn is_restricted(database: &dyn Database, leaf: &Leaf) -> Result<bool, Failure> {
    let content = database.bodies(vec![leaf.place]).await?.pop().flatten();
    Ok(content.is_some_and(|content| !content.body.access().is_empty()))
}

async fn documents(
    database: &dyn Database,
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
                    if database.has_access() && is_restricted(database, leaf).await? {
                        page.restricted.push((wanted.id.clone(), leaf.revision.clone()));
                    }
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
