//! Which databases of replications there are: `_replicator`, which always is, and all whose names end in
//! `/_replicator`. Each has a follower of its feed from when it is made, or found, until it is deleted.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use refuge_document::REPLICATOR;
use refuge_http::{DatabaseNamesRequest, Failure};
use refuge_otp::Names;

use super::{ReplicatorDocumentsMessage, ReplicatorDocumentsState, feed};
use crate::names;
use crate::node_service::{self, report};
use crate::task::OwnedTask;

/// What the names of such databases end in.
const SUFFIX: &str = "/_replicator";
/// Names of databases that are looked at together.
const PAGE_NAMES: usize = 1_000;
/// Pause before the next try when the storage does not tell.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Tells the actor of the documents of a database that was made, where it is one of its kind. An actor
/// that is being restarted finds it by itself.
pub(crate) fn made(names: &Names, database: &str) {
    if database.ends_with(SUFFIX) {
        let made = ReplicatorDocumentsMessage::Made(database.into());
        let _ = names.cast(names::REPLICATOR_DOCUMENTS, made);
    }
}

impl ReplicatorDocumentsState {
    /// Follows what is there. What is made from now on is told, since the actor has its name.
    pub(super) fn begin_to_follow(&mut self) {
        self.follow(REPLICATOR.into());
        self.look = Some(OwnedTask::spawn(look(self.names.clone(), self.myself.clone())));
    }

    pub(super) fn follow(&mut self, database: Arc<str>) {
        if self.followers.contains_key(&database) {
            return;
        }
        let following =
            feed::follow(self.names.clone(), self.myself.clone(), Arc::clone(&database));
        self.followers.insert(database, OwnedTask::spawn(following));
    }

    /// A follower came to its end. The database may have been made anew before this was heard.
    pub(super) fn unfollowed(&mut self, database: Arc<str>) {
        self.followers.remove(&database);
        let (names, myself) = (self.names.clone(), self.myself.clone());
        self.writes.spawn(async move {
            if !matches!(node_service::open(&names, &database).await, Err(Failure::NoDatabase)) {
                let _ = myself.cast(ReplicatorDocumentsMessage::Made(database));
            }
        });
    }
}

/// Tells the actor of all such databases.
async fn look(names: Names, actor: ActorRef<ReplicatorDocumentsMessage>) {
    let mut low = Bound::Unbounded;
    loop {
        let request = DatabaseNamesRequest {
            low: low.clone(),
            high: Bound::Unbounded,
            descending: false,
            limit: PAGE_NAMES,
        };
        let page = match report::database_names(&names, request).await {
            Ok(page) => page,
            Err(failure) => {
                tracing::warn!(%failure, "databases of replications cannot be looked for");
                tokio::time::sleep(TRY_AGAIN).await;
                continue;
            }
        };
        for database in page.iter().filter(|name| name.ends_with(SUFFIX)) {
            let _ = actor.cast(ReplicatorDocumentsMessage::Made(database.as_str().into()));
        }
        match page.last() {
            Some(last) if page.len() == PAGE_NAMES => low = Bound::Excluded(last.clone()),
            _ => return,
        }
    }
}
