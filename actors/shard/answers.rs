//! What a shard tells after a commit: those who wait for their edits, and the change feed. It runs on the
//! writer's thread.

use std::collections::HashMap;
use std::sync::Arc;

use ractor::ActorRef;
use refuge_http::{Failure, UpdateFailure, UpdateResult};
use refuge_otp::Names;
use refuge_storage::{Committed, DatabaseId, Outcome};

use super::ShardMessage;
use super::batch::{AnswerPlace, DueReply};
use crate::change_feed::ChangeFeedMessage;
use crate::designs::DesignReader;
use crate::engine::WriteFailure;
use crate::merger::MergerDoor;
use crate::names;

/// What is to be done on the writer's thread after the commit.
pub(super) struct Done {
    pub(super) names: Names,
    pub(super) change_feed: String,
    pub(super) shard: ActorRef<ShardMessage>,
    pub(super) due: Vec<DueReply>,
    pub(super) attached: HashMap<usize, Vec<AnswerPlace>>,
    /// The database, with its name.
    pub(super) of: (DatabaseId, String),
    /// Whether the batch holds design documents.
    pub(super) designs: bool,
    /// The documents that it leaves in conflict.
    pub(super) conflicted: Vec<String>,
}

impl Done {
    /// Answers 412 for documents that refer to contents which left before the commit.
    fn refuse(&mut self, refused: &[usize]) {
        for place in refused {
            for (reply, ordinal) in self.attached.remove(place).unwrap_or_default() {
                let result = self.due.get_mut(reply).and_then(|due| due.results.get_mut(ordinal));
                if let Some(result) = result {
                    let reason = "an attachment's content was given up before the document came; send it again";
                    let failure = Failure::MissingStub(reason.to_owned());
                    *result = Err(UpdateFailure::Failed(Arc::new(failure)));
                }
            }
        }
    }

    pub(super) fn answer(mut self, result: Result<Outcome, WriteFailure>) {
        if self.designs {
            tell_designs(&self.names, self.of.0);
        }
        match result {
            Ok(Outcome::Documents(committed)) => {
                self.refuse(&committed.refused);
                tell_merger(&self.names, self.of, self.designs, self.conflicted);
                answer(self.due);
                tell_feed(&self.names, &self.change_feed, committed);
            }
            Ok(_) => fail(self.due.into_iter().map(|due| due.reply), &Failure::NoDatabase),
            Err(failure) => {
                let failure = Failure::from(failure);
                fail(self.due.into_iter().map(|due| due.reply), &failure);
            }
        }
        let _ = self.shard.cast(ShardMessage::Committed);
    }
}

/// Tells the change feed of a commit.
pub(super) fn tell_feed(names: &Names, change_feed: &str, committed: Committed) {
    if let Some(feed) = names.lookup::<ChangeFeedMessage>(change_feed) {
        let _ = feed.cast(ChangeFeedMessage::Committed(committed));
    }
}

/// Tells the merger of documents in conflict, and of design documents, which may say how they are merged.
/// Where the merger is gone it looks at all databases when it starts.
pub(super) fn tell_merger(
    names: &Names,
    of: (DatabaseId, String),
    designs: bool,
    conflicted: Vec<String>,
) {
    if !designs && conflicted.is_empty() {
        return;
    }
    if let Some(door) = names.value::<MergerDoor>(names::MERGER) {
        if designs {
            door.designs_written(of.clone());
        }
        door.conflicted(of, conflicted);
    }
}

/// Says that design documents were written, before anybody hears of it. Where the reader is gone, what it
/// remembered is gone too.
pub(super) fn tell_designs(names: &Names, database: DatabaseId) {
    if let Some(reader) = names.value::<DesignReader>(names::DESIGNS) {
        reader.written(database);
    }
}

/// Answers the edits of a batch.
pub(super) fn answer(due: Vec<DueReply>) {
    for due in due {
        // Who no longer waits has gone away; the edit is stored all the same.
        let _ = due.reply.send(due.results);
    }
}

type Reply = tokio::sync::oneshot::Sender<Vec<UpdateResult>>;

/// Answers requests with a failure.
pub(super) fn fail(replies: impl Iterator<Item = Reply>, failure: &Failure) {
    let failure = Arc::new(failure.clone());
    for reply in replies {
        // One failure stands for all edits of the request; the service spreads it.
        let _ = reply.send(vec![Err(UpdateFailure::Failed(Arc::clone(&failure)))]);
    }
}
