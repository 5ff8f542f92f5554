//! A state, written into its document as an edit of the revision that it was reached with. Whoever
//! edited the document meanwhile wins.

use refuge_document::EditKind;
use refuge_http::{Database, Failure, Update, UpdateAttachment, UpdateFailure};
use refuge_otp::Names;
use refuge_replication::{StateWrite, WriteOutcome};

use crate::node_service;

pub(super) async fn write(names: &Names, write: &StateWrite) -> WriteOutcome {
    match edit(names, write).await {
        Ok(Some(revision)) => WriteOutcome::Written { revision },
        Ok(None) | Err(Failure::NoDatabase) => WriteOutcome::Superseded,
        Err(failure) => {
            let document = &write.document;
            tracing::warn!(%document, %failure, "the state of a replication was not written");
            WriteOutcome::Failed
        }
    }
}

/// The new revision; `None` when the document is another by now.
async fn edit(names: &Names, write: &StateWrite) -> Result<Option<String>, Failure> {
    let database = node_service::open(names, &write.document.database).await?;
    let Some(document) = database.winner(&write.document.id).await? else {
        return Ok(None);
    };
    let parent = document.leaf.revision;
    if document.leaf.deleted || parent.to_string() != write.revision {
        return Ok(None);
    }
    let Some(content) = document.content else {
        return Ok(None);
    };
    let body = write.apply(content.body.as_bytes())?;
    let update = Update {
        id: write.document.id.to_string(),
        deleted: false,
        body,
        attachments: content.attachments.iter().map(UpdateAttachment::kept).collect(),
        kind: EditKind::Interactive { parent: Some(parent) },
    };
    match database.update(vec![update]).await?.pop() {
        Some(Ok(revision)) => Ok(Some(revision.to_string())),
        Some(Err(UpdateFailure::Failed(failure))) => Err(failure.as_ref().clone()),
        Some(Err(_)) => Ok(None),
        None => Err(Failure::Internal("the database gave no answer to an edit".to_owned())),
    }
}
