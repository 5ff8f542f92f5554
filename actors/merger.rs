//! Merges the leaves of documents in conflict where a design document of their database says how, by a
//! function `merge`. One document after another, in the background: what it writes is an edit like any other.
//!
//! The storage knows which documents have conflicts, so nothing is lost with this actor: it looks at all
//! databases when it starts, at one database when one of its design documents was written, and at a document
//! when a write left it in conflict. What a function would not merge is asked again by such a write alone.
//!
//! Called by: the shards, through the door, on the writer's thread.

mod leaves;
mod merging;
mod tries;
mod waiting;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, Snapshot};

use crate::designs::{DesignReader, DesignSource};
use crate::node_service::{Reading, read};
use crate::{names, peer_directory, published};
use merging::Merging;
use tries::Tries;
pub(crate) use waiting::MergerDoor;
use waiting::{Place, Walk};

/// How long the actor works before it looks at its messages.
const TURN: Duration = Duration::from_millis(500);
/// Documents with conflicts of one database before others have their turn.
const TURN_DOCUMENTS: usize = 50;
/// How long it rests where a part of the node was busy.
const RETRY_REST: Duration = Duration::from_secs(1);
/// Databases whose functions are remembered as those that all documents were asked with.
const REMEMBERED: usize = 10_000;

/// Messages of the merger.
#[derive(Debug)]
pub enum MergerMessage {
    /// Something waits.
    Look,
}

/// The actor.
#[derive(Default)]
pub struct MergerActor;

/// What waits, and what is known of functions.
pub struct MergerState {
    names: Names,
    door: Arc<MergerDoor>,
    merging: Merging,
    tries: Tries,
    /// The functions that all documents of a database were asked with, as their versions.
    asked: HashMap<DatabaseId, Vec<String>>,
    /// The next try after a failure.
    again: Option<Again>,
}

type Again = tokio::task::JoinHandle<Result<(), ractor::MessagingErr<MergerMessage>>>;

impl Actor for MergerActor {
    type Msg = MergerMessage;
    type State = MergerState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let door = Arc::new(MergerDoor::new(myself.clone()));
        names.publish(&myself.get_cell(), names::MERGER, Arc::clone(&door));
        myself.cast(MergerMessage::Look)?;
        let merging = Merging::new(names.clone());
        Ok(MergerState {
            names,
            door,
            merging,
            tries: Tries::default(),
            asked: HashMap::new(),
            again: None,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        _message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.door.looks();
        let began = Instant::now();
        loop {
            match state.step().await {
                Ok(false) => {
                    if let Some(until) = state.tries.next() {
                        state.look_in(&myself, until.saturating_duration_since(Instant::now()));
                    }
                    return Ok(());
                }
                Ok(true) if began.elapsed() < TURN => {}
                Ok(true) => {
                    state.door.wake();
                    return Ok(());
                }
                Err(failure) => {
                    tracing::debug!(%failure, "conflicts could not be merged yet");
                    state.look_in(&myself, RETRY_REST);
                    return Ok(());
                }
            }
        }
    }
}

impl MergerState {
    /// Looks again after a while; once, whatever was written meanwhile.
    fn look_in(&mut self, myself: &ActorRef<MergerMessage>, pause: Duration) {
        let again = myself.send_after(pause, || MergerMessage::Look);
        if let Some(former) = self.again.replace(again) {
            former.abort();
        }
    }

    /// Does a little of what waits: a document that has rested or was written, else a part of a walk. Answers
    /// whether there was something.
    async fn step(&mut self) -> Result<bool, Failure> {
        let rested = self.tries.rested(Instant::now());
        if let Some((place, id)) = rested.or_else(|| self.door.next_document()) {
            match self.document(&place, &id).await {
                Err(failure) if failure.passes() => {
                    self.door.put_back(place, id);
                    return Err(failure);
                }
                Err(failure) => {
                    let database = place.name;
                    tracing::error!(database, document = id, %failure, "a conflict is not merged");
                }
                Ok(()) => {}
            }
            return Ok(true);
        }
        if let Some(after) = self.door.next_databases() {
            let found = waiting::databases_with_conflicts(&self.names, after.clone()).await;
            match found {
                Ok((places, next)) => self.door.found(places, next),
                Err(failure) => {
                    self.door.found(Vec::new(), Some(after));
                    return Err(failure);
                }
            }
            return Ok(true);
        }
        let Some(walk) = self.door.next_walk() else { return Ok(false) };
        let done = self.walk(walk.clone()).await;
        match done {
            Ok(Some(rest)) => self.door.walk_on(rest),
            Ok(None) => {}
            Err(failure) if failure.passes() => {
                self.door.walk_on(walk);
                return Err(failure);
            }
            Err(failure) => {
                let database = walk.place.name;
                tracing::error!(database, %failure, "conflicts of a database are not merged");
            }
        }
        Ok(true)
    }

    /// The functions of a database.
    async fn functions(&self, database: DatabaseId) -> Result<Arc<Vec<DesignSource>>, Failure> {
        let reader = published::<DesignReader>(&self.names, names::DESIGNS).await?;
        reader.merges(database).await
    }

    async fn document(&mut self, place: &Place, id: &str) -> Result<(), Failure> {
        if place.name == peer_directory::DATABASE {
            return Ok(());
        }
        let functions = self.functions(place.database).await?;
        if functions.is_empty() || !self.tries.may(place, id, Instant::now()) {
            return Ok(());
        }
        if self.merging.merge(place, id, &functions).await?
            && self.tries.merged(place, id, Instant::now())
        {
            let database = &place.name;
            tracing::error!(
                database,
                document = id,
                "a document is merged again and again, now with a rest before each time: does its merge \
                 function return the same on every node?"
            );
        }
        Ok(())
    }

    /// Asks about the next documents with conflicts of a database; answers what is left of the walk.
    async fn walk(&mut self, walk: Walk) -> Result<Option<Walk>, Failure> {
        let functions = self.functions(walk.place.database).await?;
        let versions: Vec<String> = functions.iter().map(|(key, _)| key.version.clone()).collect();
        // Other functions begin at the beginning: a walk for them waits already.
        if walk.after.is_some() && walk.versions != versions {
            return Ok(None);
        }
        let is_new = self.asked.get(&walk.place.database) != Some(&versions);
        if functions.is_empty() || (walk.after.is_none() && !walk.again && !is_new) {
            return Ok(None);
        }
        let (database, after) = (walk.place.database, walk.after.clone());
        let job = move |snapshot: &Snapshot| {
            let range = waiting::behind(after);
            let rows = snapshot.conflicts(database, &range).take(TURN_DOCUMENTS);
            rows.map(|row| row.map(|row| row.id)).collect::<Result<Vec<String>, _>>()
        };
        let ids = read(&self.names, Reading::Scan, job).await?;
        for id in &ids {
            self.document(&walk.place, id).await?;
        }
        if ids.len() < TURN_DOCUMENTS {
            if self.asked.len() >= REMEMBERED {
                self.asked.clear();
            }
            self.asked.insert(database, versions);
            return Ok(None);
        }
        Ok(Some(Walk { after: ids.last().cloned(), versions, ..walk }))
    }
}
