//! The documents of `_replicator` and of every database whose name ends in `/_replicator`: hears of
//! their changes and of the trusted nodes that are up, and has the scheduler start and stop what they
//! want. What is to run is decided by the machine in `refuge-replication`; which databases there are, the
//! feed of each, the writing of states and what others are told are in the modules below.
//!
//! Told by: its own followers of the feeds, whoever makes databases, the scheduler, the mesh. Called by:
//! the node's service. A
//! restart loses nothing but counts of crashes: the documents are read again, what ran because of them
//! is stopped first and started again, from its checkpoints.

mod databases;
mod feed;
mod telling;
mod writing;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_document::REPLICATOR;
use refuge_otp::Names;
use refuge_replication::{
    ChangedReplication, CrashKind, DocumentName, DocumentRows, Documents, DocumentsEffect,
    DocumentsOptions, KeptOff, PeerUp, RunNumber, StateWrite, Summary, WriteOutcome,
};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::engine::StorageDoors;
use crate::names;
use crate::node_monitor::NodesUp;
use crate::replication_scheduler::ReplicationSchedulerMessage;
use crate::task::OwnedTask;
pub(crate) use databases::made;

/// The longest that a start waits for `_replicator` to be made.
const MAKING: Duration = Duration::from_secs(2);

/// Messages of this actor.
pub enum ReplicatorDocumentsMessage {
    /// Take what the monitor of nodes publishes, and look which databases there are.
    Begin,
    /// There is a database of replications.
    Made(Arc<str>),
    /// The follower of a database found that it is gone.
    Unfollowed(Arc<str>),
    /// These trusted nodes are up now.
    NodesUp(Arc<NodesUp>),
    /// Documents were changed.
    Changes {
        /// In the order of the feed.
        changes: Vec<Change>,
        /// Dropped when they are taken, so that the feed is read no faster.
        taken: oneshot::Sender<()>,
    },
    /// A database was deleted, or made anew.
    Cleared(Arc<str>),
    /// News of a job.
    Job {
        /// Which run.
        number: RunNumber,
        /// What there is.
        news: JobNews,
    },
    /// What came of writing a state into a document.
    Written {
        /// What was to be written.
        write: Box<StateWrite>,
        /// What came of it.
        outcome: WriteOutcome,
    },
    /// The time that the machine asked to be woken at.
    Elapsed,
    /// The body of `_scheduler/docs`.
    Documents {
        /// Which rows of it.
        rows: DocumentRows,
        /// Gets it.
        reply: oneshot::Sender<Value>,
    },
    /// The documents that wait for nodes which no peer is, each with what is lacking.
    InVain {
        /// Documents that are told of at most.
        limit: usize,
        /// Gets them.
        reply: oneshot::Sender<Vec<(DocumentName, String)>>,
    },
    /// The body of `_scheduler/docs/{db}/{id}`.
    Document {
        /// The document.
        name: DocumentName,
        /// Gets it; `None` when there is no such document.
        reply: oneshot::Sender<Option<Value>>,
    },
}

/// A change of one document.
#[derive(Debug)]
pub enum Change {
    /// New or edited.
    Changed(ChangedReplication),
    /// Deleted.
    Removed(DocumentName),
}

/// News of a job that a document wants.
#[derive(Debug)]
pub enum JobNews {
    /// As many as may run already, its window is closed, or this machine's link keeps it off, for a reason
    /// that is told: it waits for its turn.
    Waits(Option<KeptOff>),
    /// It works.
    Started,
    /// It came to its good end.
    Ended(Box<Summary>),
    /// It failed, went down, or could not be started: how, and why.
    Crashed(CrashKind, String),
}

/// The nodes as the machine takes them.
pub(crate) fn peers_up(nodes: &NodesUp) -> Vec<PeerUp> {
    let peer = |node: &crate::node_monitor::UpNode| PeerUp {
        id: node.id,
        name: node.name.clone(),
        groups: node.groups.clone(),
        earlier: node.earlier.clone(),
    };
    nodes.up.iter().map(peer).collect()
}

/// The actor.
#[derive(Default)]
pub struct ReplicatorDocumentsActor;

/// The machine, and what is under way for it.
pub struct ReplicatorDocumentsState {
    names: Names,
    myself: ActorRef<ReplicatorDocumentsMessage>,
    machine: Documents,
    started: Instant,
    alarm: Option<OwnedTask>,
    /// States on their way into documents.
    writes: JoinSet<()>,
    /// By the database that is followed; they end with the actor.
    followers: HashMap<Arc<str>, OwnedTask>,
    /// Looks which databases there are, once.
    look: Option<OwnedTask>,
}

impl Actor for ReplicatorDocumentsActor {
    type Msg = ReplicatorDocumentsMessage;
    type State = ReplicatorDocumentsState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let doors = crate::published::<StorageDoors>(&names, names::ENGINE).await?;
        // Before anybody is let in who would write into it. Where that fails, its follower tries again.
        let of = names.clone();
        let made = tokio::spawn(async move { crate::node_service::create(&of, REPLICATOR).await });
        // What takes longer goes on by itself.
        let _ = tokio::time::timeout(MAKING, made).await;
        // What a former incarnation began is not known any more.
        names
            .cast(names::REPLICATION_SCHEDULER, ReplicationSchedulerMessage::StopAllForDocuments)?;
        // Nodes are told to whoever is registered; what was told before that is read after it.
        myself.cast(ReplicatorDocumentsMessage::Begin)?;
        let options = DocumentsOptions {
            node_uuid: doors.installation.clone(),
            started_unix_ms: crate::now_ms(),
            first_run: rand::random(),
        };
        Ok(ReplicatorDocumentsState {
            machine: Documents::new(options),
            started: Instant::now(),
            alarm: None,
            writes: JoinSet::new(),
            followers: HashMap::new(),
            look: None,
            names,
            myself,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.take(message);
        Ok(())
    }
}

impl ReplicatorDocumentsState {
    fn take(&mut self, message: ReplicatorDocumentsMessage) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let effects = match message {
            ReplicatorDocumentsMessage::Begin => {
                self.begin_to_follow();
                match self.names.value::<NodesUp>(names::NODE_MONITOR) {
                    Some(nodes) => self.machine.nodes_up(now_ms, peers_up(&nodes)),
                    None => return,
                }
            }
            ReplicatorDocumentsMessage::Made(database) => return self.follow(database),
            ReplicatorDocumentsMessage::Unfollowed(database) => return self.unfollowed(database),
            ReplicatorDocumentsMessage::NodesUp(nodes) => {
                self.machine.nodes_up(now_ms, peers_up(&nodes))
            }
            ReplicatorDocumentsMessage::Changes { changes, taken } => {
                let mut effects = Vec::new();
                for change in changes {
                    effects.extend(match change {
                        Change::Changed(change) => self.machine.changed(now_ms, change),
                        Change::Removed(name) => self.machine.removed(now_ms, &name),
                    });
                }
                drop(taken);
                effects
            }
            ReplicatorDocumentsMessage::Cleared(database) => {
                self.machine.cleared(now_ms, &database)
            }
            ReplicatorDocumentsMessage::Job { number, news } => match news {
                JobNews::Waits(reason) => self.machine.waits(now_ms, number, reason),
                JobNews::Started => self.machine.started(now_ms, number),
                JobNews::Ended(summary) => self.machine.ended(now_ms, number, summary.told()),
                JobNews::Crashed(kind, reason) => {
                    self.machine.crashed(now_ms, number, (kind, reason))
                }
            },
            ReplicatorDocumentsMessage::Written { write, outcome } => {
                self.machine.written(now_ms, &write, outcome)
            }
            ReplicatorDocumentsMessage::Elapsed => self.machine.elapsed(now_ms),
            ReplicatorDocumentsMessage::Documents { rows, reply } => {
                let _ = reply.send(self.told(|outside| self.machine.report(&rows, outside)));
                return;
            }
            ReplicatorDocumentsMessage::InVain { limit, reply } => {
                let _ = reply.send(self.in_vain(limit));
                return;
            }
            ReplicatorDocumentsMessage::Document { name, reply } => {
                let _ = reply.send(self.told(|outside| self.machine.report_one(&name, outside)));
                return;
            }
        };
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<DocumentsEffect>) {
        // Writes that have ended need no place any more.
        while self.writes.try_join_next().is_some() {}
        for effect in effects {
            match effect {
                DocumentsEffect::Start(order) => {
                    self.schedule(ReplicationSchedulerMessage::StartForDocument(Box::new(order)));
                }
                DocumentsEffect::Stop { number, id } => {
                    self.schedule(ReplicationSchedulerMessage::StopForDocument { number, id });
                }
                DocumentsEffect::Write(write) => self.write(write),
                DocumentsEffect::Wake { after_ms } => self.wake(after_ms),
            }
        }
    }

    /// A scheduler that is gone takes this actor with it.
    fn schedule(&self, message: ReplicationSchedulerMessage) {
        let _ = self.names.cast(names::REPLICATION_SCHEDULER, message);
    }

    fn write(&mut self, write: StateWrite) {
        let (names, myself) = (self.names.clone(), self.myself.clone());
        self.writes.spawn(async move {
            let outcome = writing::write(&names, &write).await;
            let write = Box::new(write);
            let _ = myself.cast(ReplicatorDocumentsMessage::Written { write, outcome });
        });
    }

    fn wake(&mut self, after_ms: u64) {
        let myself = self.myself.clone();
        self.alarm = Some(OwnedTask::spawn(async move {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            let _ = myself.cast(ReplicatorDocumentsMessage::Elapsed);
        }));
    }
}
