//! A purge on its way through a shard: prepared on a thread that may block, committed, answered.

use ractor::ActorRef;
use refuge_http::Failure;
use refuge_storage::{Operation, Outcome};

use super::answers::{tell_designs, tell_feed, tell_merger};
use super::purge::prepare;
use super::{PreparedPurge, PurgeRequest, ShardMessage, ShardState, conflicted, holds_designs};
use crate::engine::{StorageDoors, WriteFailure};
use crate::{names, unavailable};

impl ShardState {
    pub(super) fn start_purge(&self, myself: &ActorRef<ShardMessage>, request: PurgeRequest) {
        let Some(doors) = self.arguments.names.value::<StorageDoors>(names::ENGINE) else {
            let _ = request.reply.send(Err(unavailable()));
            let _ = myself.cast(ShardMessage::Committed);
            return;
        };
        let myself = myself.clone();
        let database = (self.arguments.database, self.arguments.access);
        crate::blocking::aside(move || {
            let prepared = prepare(&doors.store, database, request).map(Box::new);
            // To a shard that is gone this is lost, and the caller hears so by its channel.
            let _ = myself.cast(ShardMessage::PurgePrepared(prepared));
        });
    }

    /// Sends a prepared purge to the writer; the answer goes out from there, after the commit.
    pub(super) async fn commit_purge(
        &mut self,
        myself: &ActorRef<ShardMessage>,
        prepared: Option<Box<PreparedPurge>>,
    ) {
        let Some(prepared) = prepared else {
            self.busy = false;
            return;
        };
        let PreparedPurge { write, purged, reply } = *prepared;
        let Some(doors) = self.arguments.names.value::<StorageDoors>(names::ENGINE) else {
            let _ = reply.send(Err(unavailable()));
            self.busy = false;
            return;
        };
        let (names, change_feed) =
            (self.arguments.names.clone(), self.arguments.change_feed.clone());
        let designs = holds_designs(purged.iter().map(|document| &document.id));
        let left = write.documents.iter();
        let left = left.filter_map(|one| one.change.as_ref()?.remaining.as_ref());
        let conflicted = conflicted(left);
        let of = (self.arguments.database, self.arguments.name.clone());
        let (shard, database) = (myself.clone(), self.arguments.database);
        let answer = move |result: Result<Outcome, WriteFailure>| {
            if designs {
                tell_designs(&names, database);
            }
            let _ = reply.send(match result {
                Ok(Outcome::Purged(done)) => {
                    tell_merger(&names, of, false, conflicted);
                    tell_feed(&names, &change_feed, done.committed);
                    Ok(purged)
                }
                Ok(_) => Err(Failure::NoDatabase),
                Err(failure) => Err(failure.into()),
            });
            let _ = shard.cast(ShardMessage::Committed);
        };
        // A failure is told through the answer as well.
        let _ = doors.writer.submit(Operation::Purge(write), Box::new(answer)).await;
    }
}
