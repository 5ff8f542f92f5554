//! Replications that were started in a session of the console: how they fare, and how they ended. They
//! belong to the scheduler, and a session that ends does not end them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use refuge_console::ControlError;
use refuge_http::Failure;
use refuge_otp::Names;
use refuge_replication::{
    JobError, Phase, ReplicateRequest, ReplicationId, Status, parse_replicate_request,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use super::replication_document;
use crate::engine::StorageDoors;
use crate::replication_scheduler::{Begun, ReplicationSchedulerMessage};
use crate::{names, task_board};

type Answer = oneshot::Receiver<Result<Value, Failure>>;

/// Those of one session that run once, by id.
#[derive(Default)]
pub(super) struct Replications(Mutex<HashMap<String, Answer>>);

impl Replications {
    fn under_way(&self) -> MutexGuard<'_, HashMap<String, Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts one, or joins it where it runs.
    pub(super) async fn start(
        &self,
        names: &Names,
        request: &Value,
    ) -> Result<Value, ControlError> {
        let job = match parse_replicate_request(request).map_err(bad_request)? {
            ReplicateRequest::Start(job) => job,
            ReplicateRequest::Cancel(_) => {
                let reason = "what is to be cancelled is named by its id: replicate cancel ID";
                return Err(ControlError::Refused(reason.to_owned()));
            }
        };
        let starting = || ControlError::Unavailable("the node is starting".to_owned());
        let doors = names.value::<StorageDoors>(names::ENGINE).ok_or_else(starting)?;
        let continuous = job.continuous;
        let (reply, answer) = oneshot::channel();
        let (begun, has_begun) = oneshot::channel();
        let message = ReplicationSchedulerMessage::Start {
            job,
            user: None,
            node_uuid: doors.installation.clone(),
            begun: Some(begun),
            reply,
        };
        names.cast(names::REPLICATION_SCHEDULER, message).map_err(|_| starting())?;
        let Ok(Begun { id, joined }) = has_begun.await else {
            // It was refused before it had an id.
            return Err(match answer.await {
                Ok(Err(failure)) => told(&failure),
                _ => starting(),
            });
        };
        if !continuous {
            self.under_way().insert(id.clone(), answer);
        }
        Ok(json!({"id": id, "joined": joined}))
    }

    /// `{"ended": …}` with the body of the answer, once; before that `{"state", "task"}`. Those of documents are
    /// found by the document as well.
    pub(super) async fn show(&self, names: &Names, id: &str) -> Result<Value, ControlError> {
        if let Some(ended) = self.ended(id) {
            let body = ended.map_err(|failure| told(&failure))?;
            return Ok(json!({ "ended": body }));
        }
        if let Some(shown) = job(names, id).await? {
            return Ok(shown);
        }
        // Its answer is on the way, unless nobody of this session waits for one.
        if self.under_way().contains_key(id) {
            return Ok(json!({"state": "ending"}));
        }
        let document = replication_document::told(names, id).await?.ok_or_else(|| gone(id))?;
        let of_it = match &document.id {
            Some(id) => job(names, id).await?,
            None => None,
        };
        Ok(of_it.unwrap_or(document.answer))
    }

    /// How it ended, told once.
    fn ended(&self, id: &str) -> Option<Result<Value, Failure>> {
        let mut under_way = self.under_way();
        let ended = match under_way.get_mut(id)?.try_recv() {
            Ok(ended) => ended,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Closed) => Err(crate::unavailable()),
        };
        under_way.remove(id);
        Some(ended)
    }

    /// Stops one.
    pub(super) async fn cancel(names: &Names, id: &str) -> Result<Value, ControlError> {
        let (reply, answer) = oneshot::channel();
        let id = ReplicationId::from_text(id);
        let cancel = ReplicationSchedulerMessage::Cancel { id, reply };
        let stopped = || ControlError::Unavailable("the node is restarting".to_owned());
        names.cast(names::REPLICATION_SCHEDULER, cancel).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?.map_err(|failure| told(&failure))
    }
}

/// How a job of the scheduler fares; `None` where there is none of that id.
async fn job(names: &Names, id: &str) -> Result<Option<Value>, ControlError> {
    let row = crate::call(names, names::REPLICATION_SCHEDULER, |reply| {
        ReplicationSchedulerMessage::Job { id: id.to_owned(), reply }
    });
    let row = row.await.map_err(|failure| ControlError::Unavailable(failure.to_string()))?;
    let Some(row) = row else { return Ok(None) };
    let name = names::replication_job(id);
    let error = row.get("info").and_then(|info| info.get("error")).cloned();
    let phase = names.value::<Status>(&name).map(|status| status.phase);
    let state = match (&error, phase) {
        (Some(_), _) => "crashing",
        (None, Some(Phase::Running)) => "running",
        (None, Some(_)) => "opening",
        (None, None) => "pending",
    };
    Ok(Some(json!({"state": state, "error": error, "task": task_board::task(names, &name)})))
}

fn gone(id: &str) -> ControlError {
    let reason = format!(
        "no replication is called {id}, and no document in _replicator: it was cancelled, or has ended"
    );
    ControlError::Replication { error: "not_found".to_owned(), reason }
}

fn bad_request(error: JobError) -> ControlError {
    let word = match error {
        JobError::Forbidden(_) => "forbidden",
        JobError::BadRequest(_) | JobError::Unsupported { .. } => "bad_request",
    };
    ControlError::Replication { error: word.to_owned(), reason: error.to_string() }
}

fn told(failure: &Failure) -> ControlError {
    let (_, error) = failure.status();
    let error = match failure {
        Failure::Internal(_) => "replication_error",
        _ => error,
    };
    ControlError::Replication { error: error.to_owned(), reason: failure.to_string() }
}
