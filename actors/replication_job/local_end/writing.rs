//! What a replication stores in the target that is a database of this node, as the user that it acts as.

use std::sync::Arc;

use bytes::Bytes;
use refuge_client::CarriedDocument;
use refuge_document::EditKind;
use refuge_http::{
    Database, Failure, ReplicatedStream, Update, UpdateFailure, UpdateResult, User,
    replicated_update, replicated_update_of_stream, update_as,
};
use refuge_replication::{Answer, Carriage, EndFailure, Refusal, identity_of};

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
            write(database.as_ref(), &self.user, vec![self.placed(update)]).await
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

    /// The edit, which says beside which leaves alone it is to be stored.
    fn placed(&self, mut update: Update) -> Update {
        if let EditKind::Replicated { beside, .. } = &mut update.kind {
            beside.clone_from(&self.beside);
        }
        update
    }

    pub(super) async fn store(
        &self,
        database: &dyn Database,
        documents: Vec<Bytes>,
    ) -> Result<Answer, Failure> {
        let rules = node_service::rules(&self.names);
        let mut updates = Vec::with_capacity(documents.len());
        let mut sent = Vec::with_capacity(documents.len());
        let mut refused = Vec::new();
        for text in documents {
            match replicated_update(database, &rules.limits, text.clone()).await {
                Ok(update) => {
                    sent.push((update.id.clone(), text));
                    updates.push(self.placed(update));
                }
                Err(failure) if is_of_document(&failure) => refused.push(unread(&text, &failure)),
                Err(failure) => return Err(failure),
            }
        }
        let results = write(database, &self.user, updates).await?;
        for ((id, text), result) in sent.into_iter().zip(results) {
            match result {
                Ok(_) => {}
                // Not refused but failed: the whole batch is sent again.
                Err(UpdateFailure::Failed(failure)) => return Err(failure.as_ref().clone()),
                Err(failure) => {
                    let revision = identity_of(&text).map(|(_, revision)| revision.to_string());
                    refused.push(Refusal { revision, ..refusal(id, &failure) });
                }
            }
        }
        Ok(Answer::Stored { refused, overdue: Vec::new() })
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
    match is_of_document(&failure) {
        true => Ok(Carriage::Refused(refused_as(id.to_owned(), None, &failure))),
        false => Err(end_failure(&failure)),
    }
}

fn is_of_document(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::BadRequest(_)
            | Failure::Invalid { .. }
            | Failure::TooLarge { .. }
            | Failure::BadContentType(_)
    )
}

/// The refusal of a text that is no document.
fn unread(text: &[u8], failure: &Failure) -> Refusal {
    let (id, revision) = identity_of(text).unzip();
    refused_as(id.unwrap_or_default(), revision.map(|revision| revision.to_string()), failure)
}

fn refused_as(id: String, revision: Option<String>, failure: &Failure) -> Refusal {
    let (error, reason) = (failure.status().1.to_owned(), failure.to_string());
    Refusal { id, revision, error, reason }
}

fn refusal(id: String, failure: &UpdateFailure) -> Refusal {
    let error = match failure {
        UpdateFailure::Refused(failure) => failure.status().1,
        UpdateFailure::MissingStub { .. } => "missing_stub",
        _ => "conflict",
    };
    Refusal { id, revision: None, error: error.to_owned(), reason: failure.to_string() }
}
