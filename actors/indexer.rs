//! One index that is being kept up: reads what changed, has it mapped, and writes its rows and reductions
//! with the position they belong to. It lives while somebody asks for the index, and a while longer.
//!
//! Called by: the index directory, which starts it and hands on who waits. A restart is a new start at the
//! next demand; the index goes on from the position that is stored.

mod building;
mod declarative;
mod mapping;
mod pass;
mod purging;
mod reading;
mod writing;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, IndexRecord, IndexState};
use serde_json::{Map, json};
use tokio::sync::oneshot;

use crate::index_design::IndexDesign;
use crate::task::OwnedTask;
use crate::task_board;
pub(crate) use mapping::function_failure;
use pass::{Pass, PassFailure};
pub(crate) use purging::checkpoint_name;

/// How long an indexer without work stays.
const REST: Duration = Duration::from_secs(60);
/// How long a pass that failed waits before it is tried again for those who still wait.
const AGAIN: Duration = Duration::from_millis(500);
/// How often a failed pass is tried again before those who wait are told.
const MOST_TRIES: u32 = 5;
/// How long an index whose functions cannot be run to any use is left alone; whoever asks meanwhile is told
/// why at once.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// Told when the index is far enough, or why it will not be.
pub type FollowReply = oneshot::Sender<Result<(), Failure>>;

/// Messages of an indexer.
pub enum IndexerMessage {
    /// Follow the database up to a sequence.
    Follow {
        /// The update sequence.
        sequence: u64,
        /// Told then; nobody, where the index is brought up to date in the background.
        reply: Option<FollowReply>,
    },
    /// The pass under way has come so far, or begins there.
    Reached {
        /// Where the index stands.
        state: IndexState,
        /// Changes that are still to be followed, about.
        left: u64,
    },
    /// The pass is through.
    Done(PassOutcome),
    /// Try again.
    Again,
    /// Time to see whether anybody needs this.
    Rest,
    /// What is known of the work.
    Tell(oneshot::Sender<IndexerWork>),
}

/// How a pass ended.
pub struct PassOutcome(Result<IndexState, PassFailure>);

/// What an indexer does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexerWork {
    /// Whether a pass is under way.
    pub updating: bool,
    /// Who waits.
    pub waiting: u64,
}

/// What an indexer is started with.
#[derive(Clone)]
pub struct IndexerArguments {
    /// The names of this node.
    pub names: Names,
    /// The database.
    pub database: DatabaseId,
    /// Its name.
    pub database_name: String,
    /// Its index.
    pub record: IndexRecord,
    /// The functions.
    pub design: Arc<IndexDesign>,
}

/// The actor.
#[derive(Default)]
pub struct IndexerActor;

/// Who waits for what, and the pass under way.
pub struct IndexerState {
    arguments: IndexerArguments,
    myself: ActorRef<IndexerMessage>,
    waiting: Vec<(u64, FollowReply)>,
    /// The highest sequence that anybody asked for.
    wanted: u64,
    pass: Option<OwnedTask>,
    tries: u32,
    /// Another try is on its way.
    again: bool,
    /// Since when the index is given up, and why.
    given_up: Option<(Instant, Failure)>,
    /// Whether anything was asked since the last look.
    used: bool,
}

impl Actor for IndexerActor {
    type Msg = IndexerMessage;
    type State = IndexerState;
    type Arguments = IndexerArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.send_interval(REST, || IndexerMessage::Rest);
        Ok(IndexerState {
            arguments,
            myself,
            waiting: Vec::new(),
            wanted: 0,
            pass: None,
            tries: 0,
            again: false,
            given_up: None,
            used: true,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            IndexerMessage::Follow { sequence, reply } => state.follow(sequence, reply),
            IndexerMessage::Reached { state: reached, left } => state.reached(reached, left),
            IndexerMessage::Done(PassOutcome(Err(PassFailure::Gone))) => {
                // Whoever waits looks for the index that has taken its place.
                tracing::debug!("an index went while it was brought up to date");
                myself.stop(None);
            }
            IndexerMessage::Done(PassOutcome(result)) => state.done(result),
            IndexerMessage::Again => {
                state.again = false;
                state.begin();
            }
            IndexerMessage::Tell(reply) => {
                let waiting = state.waiting.len() as u64;
                let _ = reply.send(IndexerWork { updating: state.pass.is_some(), waiting });
            }
            IndexerMessage::Rest => {
                if !std::mem::take(&mut state.used) && state.pass.is_none() {
                    myself.stop(None);
                }
            }
        }
        Ok(())
    }
}

impl IndexerState {
    fn follow(&mut self, sequence: u64, reply: Option<FollowReply>) {
        self.used = true;
        if let Some((since, failure)) = &self.given_up {
            if since.elapsed() < GIVEN_UP {
                if let Some(reply) = reply {
                    let _ = reply.send(Err(failure.clone()));
                }
                return;
            }
            self.given_up = None;
        }
        self.wanted = self.wanted.max(sequence);
        if let Some(reply) = reply {
            self.waiting.push((sequence, reply));
        }
        if !self.again {
            self.begin();
        }
    }

    fn begin(&mut self) {
        if self.pass.is_some() {
            return;
        }
        let pass = Pass::new(self.arguments.clone(), self.myself.clone());
        let myself = self.myself.clone();
        self.pass = Some(OwnedTask::spawn(async move {
            let outcome = PassOutcome(pass.run().await);
            let _ = myself.cast(IndexerMessage::Done(outcome));
        }));
    }

    fn reached(&mut self, reached: IndexState, left: u64) {
        self.used = true;
        // Whoever asked early does not wait for what was written since.
        if reached.complete {
            self.answer(reached.position);
        }
        self.show_progress(reached.position, left);
    }

    /// Shows what is done, and how much is left.
    fn show_progress(&self, position: u64, left: u64) {
        let total = position.saturating_add(left).max(1);
        let task = json!({
            "type": "indexer",
            "database": self.arguments.database_name,
            "design_document": self.arguments.design.id,
            "changes_done": position,
            "total_changes": total,
            "progress": position.saturating_mul(100) / total,
        });
        if let serde_json::Value::Object(task) = task {
            self.show(task);
        }
    }

    fn show(&self, task: Map<String, serde_json::Value>) {
        let (names, key) = (&self.arguments.names, self.task_key());
        task_board::put(names, &self.myself.get_cell(), &key, task);
    }

    fn task_key(&self) -> String {
        crate::names::indexer(self.arguments.record.number.0)
    }

    fn done(&mut self, result: Result<IndexState, PassFailure>) {
        self.pass = None;
        let key = self.task_key();
        task_board::remove(&self.arguments.names, &key);
        match result {
            Ok(reached) => {
                self.tries = 0;
                self.answer(reached.position);
                // Somebody asked for more while the pass came to its end.
                if self.wanted > reached.position {
                    self.begin();
                }
            }
            Err(PassFailure::Failed(failure))
                if self.tries < MOST_TRIES && is_passing(&failure) =>
            {
                self.tries += 1;
                self.again = true;
                self.myself.send_after(AGAIN, || IndexerMessage::Again);
            }
            Err(PassFailure::GivenUp(failure)) => {
                self.given_up = Some((Instant::now(), failure.clone()));
                self.give_up(&failure);
            }
            Err(PassFailure::Failed(failure)) => self.give_up(&failure),
            Err(PassFailure::Gone) => {}
        }
    }

    fn give_up(&mut self, failure: &Failure) {
        let (database, design) = (&self.arguments.database_name, &self.arguments.design.id);
        tracing::warn!(database, design, %failure, "an index is not brought up to date");
        self.tries = 0;
        self.wanted = 0;
        for (_, reply) in self.waiting.drain(..) {
            let _ = reply.send(Err(failure.clone()));
        }
    }

    fn answer(&mut self, position: u64) {
        for (_, reply) in self.waiting.extract_if(.., |(sequence, _)| *sequence <= position) {
            let _ = reply.send(Ok(()));
        }
    }
}

/// Documents after which a pass lets others have its processor. Linux lets who runs go on for some
/// milliseconds before one that was just woken: beside a build each step of a write would wait so long.
const TURN_DOCUMENTS: usize = 32;

/// Lets others have the processor after each turn of documents.
fn make_way(documents: usize) {
    if documents.is_multiple_of(TURN_DOCUMENTS) {
        std::thread::yield_now();
    }
}

/// Whether what failed may go the next time: a part of the node is being restarted.
fn is_passing(failure: &Failure) -> bool {
    matches!(failure, Failure::Unavailable(_) | Failure::Busy { .. })
}
