//! Replications as HTTP asks for them: those that are known, their documents, and beginning or ending one.

use refuge_http::{Failure, SchedulerRows, User};
use refuge_otp::Names;
use refuge_replication::{
    Cancellation, DocumentName, DocumentRows, JobError, ReplicateRequest, ReplicationId,
    parse_replicate_request,
};
use serde_json::Value;
use tokio::sync::oneshot;

use crate::replication_scheduler::ReplicationSchedulerMessage;
use crate::replicator_documents::ReplicatorDocumentsMessage;
use crate::{names, unavailable};

/// What is known of the documents of replications.
pub(super) async fn documents(names: &Names, rows: SchedulerRows) -> Result<Value, Failure> {
    let SchedulerRows { database, states, skip, limit } = rows;
    let rows = DocumentRows { database, states, skip, limit };
    crate::call(names, names::REPLICATOR_DOCUMENTS, |reply| ReplicatorDocumentsMessage::Documents {
        rows,
        reply,
    })
    .await
}

/// What is known of one such document.
pub(super) async fn document(
    names: &Names,
    database: &str,
    id: &str,
) -> Result<Option<Value>, Failure> {
    let name = DocumentName { database: database.into(), id: id.into() };
    crate::call(names, names::REPLICATOR_DOCUMENTS, |reply| ReplicatorDocumentsMessage::Document {
        name,
        reply,
    })
    .await
}

/// The jobs of the scheduler.
pub(super) async fn jobs(names: &Names, skip: usize, limit: usize) -> Result<Value, Failure> {
    crate::call(names, names::REPLICATION_SCHEDULER, |reply| ReplicationSchedulerMessage::Jobs {
        skip,
        limit,
        reply,
    })
    .await
}

/// One of them.
pub(super) async fn job(names: &Names, id: &str) -> Result<Option<Value>, Failure> {
    let id = id.to_owned();
    crate::call(names, names::REPLICATION_SCHEDULER, |reply| ReplicationSchedulerMessage::Job {
        id,
        reply,
    })
    .await
}

/// Begins a replication, or ends one; answers with its outcome.
pub(super) async fn replicate(
    names: &Names,
    node_uuid: &str,
    request: Value,
    user: &User,
) -> Result<Value, Failure> {
    let request = parse_replicate_request(&request).map_err(|error| match error {
        JobError::BadRequest(reason) => Failure::BadRequest(reason),
        JobError::Forbidden(reason) => Failure::Forbidden(reason),
        unsupported @ JobError::Unsupported { .. } => {
            Failure::NotImplemented(unsupported.to_string())
        }
    })?;
    let (reply, answer) = oneshot::channel();
    let message = match request {
        ReplicateRequest::Start(job) => ReplicationSchedulerMessage::Start {
            job,
            user: user.name.clone(),
            node_uuid: node_uuid.to_owned(),
            begun: None,
            reply,
        },
        ReplicateRequest::Cancel(cancellation) => ReplicationSchedulerMessage::Cancel {
            id: match cancellation {
                Cancellation::Id(text) => ReplicationId::from_text(&text),
                Cancellation::Job(job) => job.id(node_uuid),
            },
            reply,
        },
    };
    names
        .cast(names::REPLICATION_SCHEDULER, message)
        .map_err(|error| crate::call_failure(&error))?;
    // A replication that runs once may take any time; its end always answers, and so does the
    // end of the scheduler, by closing the channel.
    answer.await.map_err(|_| unavailable())?
}
