//! A shard of a database: takes the edits of its documents one batch after another, merges them into
//! the documents' trees, has the batch committed, and answers after the commit. While a batch is being
//! committed the next one gathers.
//!
//! Called by: the node's service for HTTP and local replication. A restart loses the edits that wait;
//! their callers hear that the outcome is unknown.

mod answers;
mod batch;
mod purge;
mod purging;
pub(crate) mod readers;

use std::collections::{HashMap, VecDeque};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_otp::Names;
use refuge_storage::{DatabaseId, DocumentWrite, Operation, Store};

use answers::{Done, answer, fail};
pub(crate) use batch::permit;
use batch::{Destination, prepare};
pub use batch::{Prepared, UpdateRequest};
pub use purge::{PreparedPurge, PurgeRequest};

use crate::engine::StorageDoors;
use crate::{names, unavailable};

/// Edits that may wait at one shard; beyond it callers hear 503.
pub const QUEUE_REQUESTS: usize = 1_000;
/// Documents in one batch: enough to share a sync well, few enough to answer soon.
const BATCH_DOCUMENTS: usize = 1_000;
/// A batch of more documents is merged on a thread that may block.
const INLINE_DOCUMENTS: usize = 4;

/// Messages of a shard.
pub enum ShardMessage {
    /// Edits to apply; answered after the commit.
    Update(UpdateRequest),
    /// Documents to purge; answered after the commit.
    Purge(PurgeRequest),
    /// The purge has been prepared on another thread; `None` when it failed.
    PurgePrepared(Option<Box<PreparedPurge>>),
    /// The batch has been merged on another thread.
    Merged(Box<Prepared>),
    /// The batch is on disk, or it failed; the callers have their answers.
    Committed,
    /// The limit of kept generations changed.
    RevisionsLimit(u32),
}

/// What a shard is started with.
#[derive(Clone)]
pub struct ShardArguments {
    /// The names of this node.
    pub names: Names,
    /// Its database.
    pub database: DatabaseId,
    /// The database's name.
    pub name: String,
    /// Name of the database's change feed.
    pub change_feed: String,
    /// Whether its documents say who may read them.
    pub access: bool,
}

/// The actor.
#[derive(Default)]
pub struct ShardActor;

/// What waits at a shard.
enum Waiting {
    Update(UpdateRequest),
    Purge(PurgeRequest),
}

/// Edits that wait, and whether a batch is on its way.
pub struct ShardState {
    arguments: ShardArguments,
    /// Generations of history kept; `None` while it is not known.
    revisions_limit: Option<u32>,
    waiting: VecDeque<Waiting>,
    busy: bool,
}

impl Actor for ShardActor {
    type Msg = ShardMessage;
    type State = ShardState;
    type Arguments = ShardArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        // A batch of a former incarnation may still be in the writer's queue; trees are read only
        // after it. When the engine is down there is no such batch.
        if let Some(doors) = arguments.names.value::<StorageDoors>(names::ENGINE) {
            let _ = doors.writer.barrier().await;
        }
        let mut state =
            ShardState { arguments, revisions_limit: None, waiting: VecDeque::new(), busy: false };
        state.read_revisions_limit().await;
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ShardMessage::Update(request) => state.waiting.push_back(Waiting::Update(request)),
            ShardMessage::Purge(request) => state.waiting.push_back(Waiting::Purge(request)),
            ShardMessage::PurgePrepared(prepared) => state.commit_purge(&myself, prepared).await,
            ShardMessage::Merged(prepared) => state.commit(&myself, *prepared).await,
            ShardMessage::Committed => state.busy = false,
            ShardMessage::RevisionsLimit(limit) => state.revisions_limit = Some(limit),
        }
        if !state.busy && !state.waiting.is_empty() {
            state.start_next(&myself).await;
        }
        Ok(())
    }
}

impl ShardState {
    fn next_batch(&mut self) -> Vec<UpdateRequest> {
        let mut documents = 0;
        let mut batch = Vec::new();
        while let Some(Waiting::Update(request)) = self.waiting.front() {
            documents += request.updates.len();
            if documents > BATCH_DOCUMENTS && !batch.is_empty() {
                break;
            }
            let Some(Waiting::Update(mut request)) = self.waiting.pop_front() else {
                break;
            };
            request.slot = None;
            batch.push(request);
        }
        batch
    }

    /// Asks the storage for the limit, which changes by message from then on.
    async fn read_revisions_limit(&mut self) {
        let database = self.arguments.database;
        let Some(doors) = self.arguments.names.value::<StorageDoors>(names::ENGINE) else { return };
        let read = crate::blocking(move || doors.store.information(database));
        if let Ok(Ok(Some(information))) = read.await {
            self.revisions_limit = Some(information.revisions_limit);
        }
    }

    /// Starts what has waited longest: a purge, or all the edits in front of the next one.
    async fn start_next(&mut self, myself: &ActorRef<ShardMessage>) {
        self.busy = true;
        match self.waiting.pop_front() {
            Some(Waiting::Purge(request)) => self.start_purge(myself, request),
            Some(update) => {
                self.waiting.push_front(update);
                self.start_batch(myself).await;
            }
            None => self.busy = false,
        }
    }

    async fn start_batch(&mut self, myself: &ActorRef<ShardMessage>) {
        let requests = self.next_batch();
        let Some(doors) = self.arguments.names.value::<StorageDoors>(names::ENGINE) else {
            fail(requests.into_iter().map(|request| request.reply), &unavailable());
            let _ = myself.cast(ShardMessage::Committed);
            return;
        };
        if self.revisions_limit.is_none() {
            self.read_revisions_limit().await;
        }
        let Some(revisions_limit) = self.revisions_limit else {
            fail(requests.into_iter().map(|request| request.reply), &unavailable());
            let _ = myself.cast(ShardMessage::Committed);
            return;
        };
        let ShardArguments { database, access, .. } = self.arguments;
        let destination = Destination { database, revisions_limit, access };
        let documents: usize = requests.iter().map(|request| request.updates.len()).sum();
        if documents <= INLINE_DOCUMENTS && doors.store.fits_memory() {
            let prepared = merge(&doors.store, destination, requests);
            self.commit(myself, prepared).await;
            return;
        }
        let myself = myself.clone();
        crate::blocking::aside(move || {
            let prepared = merge(&doors.store, destination, requests);
            // To a shard that is gone this is lost, and the callers hear so by their channels.
            let _ = myself.cast(ShardMessage::Merged(Box::new(prepared)));
        });
    }

    /// Sends a merged batch to the writer; the answers go out from there, after the commit.
    async fn commit(&mut self, myself: &ActorRef<ShardMessage>, prepared: Prepared) {
        let Prepared { write, due, attached } = prepared;
        let Some(write) = write else {
            answer(due);
            let _ = myself.cast(ShardMessage::Committed);
            return;
        };
        let Some(doors) = self.arguments.names.value::<StorageDoors>(names::ENGINE) else {
            fail(due.into_iter().map(|due| due.reply), &unavailable());
            let _ = myself.cast(ShardMessage::Committed);
            return;
        };
        let done = Done {
            names: self.arguments.names.clone(),
            conflicted: conflicted(&write.documents),
            of: (write.database, self.arguments.name.clone()),
            change_feed: self.arguments.change_feed.clone(),
            shard: myself.clone(),
            due,
            attached,
            designs: holds_designs(write.documents.iter().map(|document| &document.id)),
        };
        // A failure is told through `done` as well.
        let _ = doors
            .writer
            .submit(Operation::Documents(write), Box::new(move |result| done.answer(result)))
            .await;
    }
}

/// Whether one of these documents is a design document.
fn holds_designs<'a>(mut ids: impl Iterator<Item = &'a String>) -> bool {
    ids.any(|id| id.starts_with("_design/"))
}

/// The documents that a write leaves in conflict.
fn conflicted<'a>(documents: impl IntoIterator<Item = &'a DocumentWrite>) -> Vec<String> {
    let is_so =
        |one: &&DocumentWrite| one.leaves.iter().filter(|leaf| !leaf.deleted).nth(1).is_some();
    documents.into_iter().filter(is_so).map(|document| document.id.clone()).collect()
}

fn merge(store: &Store, destination: Destination, requests: Vec<UpdateRequest>) -> Prepared {
    let snapshot = match store.snapshot() {
        Ok(snapshot) => snapshot,
        Err(error) => return refused(requests, &error),
    };
    prepare(&snapshot, destination, requests)
        .unwrap_or_else(|(error, unanswered)| refused(unanswered, &error))
}

fn refused(requests: Vec<UpdateRequest>, error: &refuge_storage::StorageError) -> Prepared {
    let failure = crate::node_service::storage_failure(error);
    fail(requests.into_iter().map(|request| request.reply), &failure);
    Prepared { write: None, due: Vec::new(), attached: HashMap::new() }
}
