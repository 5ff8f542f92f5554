//! What a replication stores in the target that is a database of this node, as the user that it acts as.

use std::sync::Arc;

use bytes::Bytes;
use refuge_client::CarriedDocument;
use refuge_http::{
    Database, Failure, ReplicatedStream, Update, UpdateFailure, UpdateResult, User,
    replicated_update, replicated_update_of_stream, update_as,
};
use refuge_replication::{Answer, Carriage, EndFailure, Refusal};

use super::{LocalEnd, end_failure};
use crate::node_service;

impl LocalEnd {
    /// Stores a revision that comes as a stream.
    pub(in crate::replication_job) async fn store_revision(
        &self,
        id: &str,
        document: CarriedDocument,
    ) -> Result<Carriage, EndFailure> {
        let CarriedDocument { content_type, resumable_length, body } = document;
        let stored = async {
            let database = self.open().await?;
            let stream = ReplicatedStream { content_type, length: resumable_length, body };
            let rules = node_service::rules(&self.names);
            let update = replicated_update_of_stream(database.as_ref(), rules, id, stream).await?;
            write(database.as_ref(), &self.user, vec![update]).await
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

    pub(super) async fn store(
        &self,
        database: &dyn Database,
        documents: Vec<Bytes>,
    ) -> Result<Answer, Failure> {
        let rules = node_service::rules(&self.names);
        let mut updates = Vec::with_capacity(documents.len());
        for text in documents {
            updates.push(replicated_update(database, &rules.limits, text).await?);
        }
        let ids: Vec<String> = updates.iter().map(|update| update.id.clone()).collect();
        let results = write(database, &self.user, updates).await?;
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
}

/// Stores edits as somebody: design documents are for the database's admins.
async fn write(
    database: &dyn Database,
    user: &User,
    updates: Vec<Update>,
) -> Result<Vec<UpdateResult>, Failure> {
    if database.security().is_admin(user) {
        return update_as(database, user, updates).await;
    }
    let is_design: Vec<bool> =
        updates.iter().map(|update| update.id.starts_with("_design/")).collect();
    let allowed = updates.into_iter().zip(&is_design).filter(|(_, is_design)| !**is_design);
    let allowed: Vec<Update> = allowed.map(|(update, _)| update).collect();
    let mut stored = update_as(database, user, allowed).await?.into_iter();
    let refused = || {
        let reason = "`user_ctx` is no admin of the database".to_owned();
        Err(UpdateFailure::Refused(Arc::new(Failure::Forbidden(reason))))
    };
    let missing = || {
        let reason = "the database gave no answer to an edit".to_owned();
        Err(UpdateFailure::Failed(Arc::new(Failure::Internal(reason))))
    };
    let results = is_design.into_iter().map(|is_design| match is_design {
        true => refused(),
        false => stored.next().unwrap_or_else(missing),
    });
    Ok(results.collect())
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

fn refusal(id: String, failure: &UpdateFailure) -> Refusal {
    let error = match failure {
        UpdateFailure::Refused(failure) => failure.status().1,
        UpdateFailure::MissingStub { .. } => "missing_stub",
        _ => "conflict",
    };
    Refusal { id, error: error.to_owned(), reason: failure.to_string() }
}
