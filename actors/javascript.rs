//! The threads that run the JavaScript of design documents. They are two lanes, so that who waits for an
//! answer never waits behind an index that is being built; in that of requests no database has more than half of
//! the threads, so that nobody waits behind another's slow functions. What the functions may do is the sandbox's.
//! Lists, which stand still while their clients read, have threads by themselves, few at once.
//!
//! Called by: indexers (maps), the node's service (all else). A restart loses what was under way; callers
//! hear that a part of the node is being restarted.

mod cache;
mod turns;
mod worker;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::Failure;
use refuge_otp::{CallError, Names};
use refuge_sandbox::{Error, Functions, ViewSources, Views};
use tokio::sync::{Semaphore, oneshot};

use crate::{names, unavailable};
use turns::{Turn, Turns};
use worker::{Handle, Job, Worker};

/// Which functions of which design document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceKey {
    /// The number of the database.
    pub database: u32,
    /// What tells its versions apart: a signature, or a revision with the id.
    pub version: String,
}

/// A whole design document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesignText {
    /// Its id.
    pub id: String,
    /// It as JSON.
    pub text: String,
}

/// The lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody waits for the answer of a request.
    Requests,
    /// An index is being built.
    Indexing,
}

/// The door to the threads; published under [`names::JAVASCRIPT`].
pub struct JavaScript {
    requests: Vec<Handle>,
    indexing: Vec<Handle>,
    /// Whose jobs run in the lane of requests.
    turns: Turns,
    /// Places for jobs on threads of their own.
    alone: Arc<Semaphore>,
}

/// Jobs on threads of their own that run at once: each may need as much memory as the sandbox gives.
const ALONE: usize = 16;

impl JavaScript {
    /// How many threads a lane has: who builds an index may use all of one side by side.
    pub fn width(&self, lane: Lane) -> usize {
        self.lane(lane).len()
    }

    /// Runs `job` with the map and reduce functions of an index. `place` picks the thread among those of
    /// the lane; without it the one that has run these functions before is taken, unless it is busy.
    ///
    /// # Errors
    /// [`Failure::Busy`] when too many wait, [`Failure::Unavailable`] during a restart; within, why the
    /// functions cannot be opened.
    pub async fn with_views<R: Send + 'static>(
        &self,
        lane: Lane,
        place: Option<usize>,
        sources: (SourceKey, Arc<ViewSources>),
        job: impl FnOnce(&mut Views) -> R + Send + 'static,
    ) -> Result<Result<R, Error>, Failure> {
        let (key, sources) = sources;
        let (reply, answer) = oneshot::channel();
        let turn = self.turn(lane, &key).await?;
        let handle = self.choose(lane, place, &key)?;
        let job = Job::Views {
            key,
            sources,
            run: Box::new(move |views| {
                let answer = views.map(job);
                drop(turn);
                let _ = reply.send(answer);
            }),
        };
        handle.send(job, lane).await?;
        match lane {
            // A pass of an indexer may rightly take long.
            Lane::Indexing => answer.await.map_err(|_| unavailable()),
            Lane::Requests => answered(answer).await,
        }
    }

    /// Runs `job` with all functions of a design document, given as its id and its JSON text.
    ///
    /// # Errors
    /// As [`JavaScript::with_views`].
    pub async fn with_functions<R: Send + 'static>(
        &self,
        design: (SourceKey, Arc<DesignText>),
        job: impl FnOnce(&mut Functions) -> R + Send + 'static,
    ) -> Result<Result<R, Error>, Failure> {
        self.with_functions_in(Lane::Requests, design, job).await
    }

    /// The same in a lane: what nobody waits for belongs where indexes are built.
    ///
    /// # Errors
    /// As [`JavaScript::with_views`].
    pub async fn with_functions_in<R: Send + 'static>(
        &self,
        lane: Lane,
        design: (SourceKey, Arc<DesignText>),
        job: impl FnOnce(&mut Functions) -> R + Send + 'static,
    ) -> Result<Result<R, Error>, Failure> {
        let (key, design) = design;
        let (reply, answer) = oneshot::channel();
        let turn = self.turn(lane, &key).await?;
        let handle = self.choose(lane, None, &key)?;
        let job = Job::Functions {
            key,
            design,
            run: Box::new(move |functions| {
                let answer = functions.map(job);
                drop(turn);
                let _ = reply.send(answer);
            }),
        };
        handle.send(job, lane).await?;
        answered(answer).await
    }

    /// Begins to run `job` with all functions of a design document on a thread of its own, where it may stand
    /// still; returns when it has begun.
    ///
    /// # Errors
    /// [`Failure::Busy`] when too many such jobs run and none of them ends soon.
    pub async fn begin_alone(
        &self,
        design: Arc<DesignText>,
        job: impl FnOnce(Result<&mut Functions, Error>) + Send + 'static,
    ) -> Result<(), Failure> {
        let place = Arc::clone(&self.alone).acquire_owned();
        let place = tokio::time::timeout(QUEUE_PATIENCE, place).await.map_err(|_| too_many())?;
        let place = place.map_err(|_| unavailable())?;
        let job = move |functions: Result<&mut Functions, Error>| {
            job(functions);
            drop(place);
        };
        worker::run_alone("refuge-js-list", design, job).map_err(|error| {
            tracing::warn!(%error, "no thread could be started for a list");
            too_many()
        })
    }

    /// The turn of a database; who builds an index needs none, since indexers are bounded elsewhere.
    async fn turn(&self, lane: Lane, key: &SourceKey) -> Result<Option<Turn>, Failure> {
        match lane {
            Lane::Requests => self.turns.take(key.database).await.map(Some),
            Lane::Indexing => Ok(None),
        }
    }

    fn lane(&self, lane: Lane) -> &[Handle] {
        match lane {
            Lane::Requests => &self.requests,
            Lane::Indexing => &self.indexing,
        }
    }

    /// The thread of a lane that runs what has this key.
    fn choose(
        &self,
        lane: Lane,
        place: Option<usize>,
        key: &SourceKey,
    ) -> Result<&Handle, Failure> {
        let handles = self.lane(lane);
        let at = |place: usize| handles.get(place % handles.len().max(1)).ok_or_else(unavailable);
        if let Some(place) = place {
            return at(place);
        }
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let usual = at(hasher.finish() as usize)?;
        let least = handles.iter().min_by_key(|handle| handle.waiting()).unwrap_or(usual);
        Ok(if usual.waiting() > least.waiting() { least } else { usual })
    }
}

/// Messages of the pool; its threads are reached through the door.
#[derive(Debug)]
pub enum JavaScriptMessage {
    /// A thread ended by a panic.
    ThreadEnded,
}

/// The actor.
#[derive(Default)]
pub struct JavaScriptActor;

impl Actor for JavaScriptActor {
    type Msg = JavaScriptMessage;
    type State = Vec<Worker>;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let width = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = |lane: Lane, count: usize, name: &str| -> std::io::Result<Vec<Worker>> {
            let start = |number| {
                let actor = myself.clone();
                let ended = move || {
                    let _ = actor.cast(JavaScriptMessage::ThreadEnded);
                };
                Worker::start(&format!("refuge-js-{name}{number}"), lane, ended)
            };
            (0..count).map(start).collect()
        };
        // One database may use all cores, and another has as many threads beside it.
        let requests = threads(Lane::Requests, 2 * width, "request-")?;
        let indexing = threads(Lane::Indexing, width, "index-")?;
        let handles = |workers: &[Worker]| workers.iter().map(Worker::handle).collect();
        let door = JavaScript {
            requests: handles(&requests),
            indexing: handles(&indexing),
            turns: Turns::new(width),
            alone: Arc::new(Semaphore::new(ALONE)),
        };
        names.publish(&myself.get_cell(), names::JAVASCRIPT, Arc::new(door));
        Ok(requests.into_iter().chain(indexing).collect())
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        JavaScriptMessage::ThreadEnded: Self::Msg,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Err("a thread of functions panicked; all are started anew".into())
    }
}

/// Waits for what a request asked of a function. The sandbox ends nearly all that runs too long; who waits is
/// not held by what it cannot end, and other threads of the lane go on.
async fn answered<R>(answer: oneshot::Receiver<R>) -> Result<R, Failure> {
    match tokio::time::timeout(crate::CALL_DEADLINE, answer).await {
        Ok(answer) => answer.map_err(|_| unavailable()),
        Err(_) => Err(crate::call_failure(&CallError::Deadline)),
    }
}

/// How long somebody who hands a job over waits for a place in the queue.
const QUEUE_PATIENCE: Duration = Duration::from_secs(5);

/// What is said when no place comes free.
fn too_many() -> Failure {
    Failure::Busy {
        reason: "too many functions of design documents wait to be run; try again later".to_owned(),
        retry_after: Duration::from_secs(1),
    }
}
