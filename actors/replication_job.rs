//! One replication: carries out what the state machine wants of the two ends, and tells it what they
//! answered and that time passed. It decides nothing.
//!
//! It publishes its status under its own name, and is a task on the board. A restart loses what was under
//! way; the replication goes on from its checkpoint.

mod bringing;
mod carrying;
mod local_end;
mod moved;
mod refusals;
mod task;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_client::{Bandwidth, Connections, LinkOptions, Packing, RemoteDatabase};
use refuge_config::Replicator;
use refuge_http::User;
use refuge_otp::Names;
use refuge_replication::{
    Answer, DocumentName, Effect, End, EndFailure, EndPoint, Job, JobLink, Pace, Proxy,
    Replication, Request, RequestId, Settings, SocketOptions, Wanted,
};
use tokio::task::{AbortHandle, JoinSet};

use crate::configuration::CurrentSettings;
use crate::names;
use crate::outgoing_connections;
use crate::peer_connections;
use crate::replication_scheduler::{Outcome, ReplicationSchedulerMessage};
use crate::task_board;
pub(crate) use bringing::bring;
use local_end::LocalEnd;
use moved::Moved;
use refusals::Refusals;
use task::Told;

/// The same failure is logged again after so long.
const LOG_AGAIN: Duration = Duration::from_secs(600);

/// Messages of a job.
pub enum ReplicationJobMessage {
    /// An end answered.
    Answered {
        /// Which request.
        id: RequestId,
        /// What it said. On the heap: an actor keeps room for the largest of its messages while it lives.
        result: Box<Result<Answer, EndFailure>>,
    },
    /// The time that the machine asked to be woken at.
    Elapsed,
    /// Bytes of a document that is carried moved on: told now and then.
    Moved,
}

/// What a job is started with.
pub struct ReplicationJobArguments {
    /// The names of this node.
    pub names: Names,
    /// What was asked for.
    pub job: Arc<Job>,
    /// What the machine is told.
    pub settings: Settings,
    /// Who wants it.
    pub wanting: Wanting,
}

/// The arguments, taken by the one start that an actor of a job has: its supervisor keeps no copy of them.
#[derive(Clone)]
pub struct ReplicationJobStart(Arc<Mutex<Option<Box<ReplicationJobArguments>>>>);

impl ReplicationJobStart {
    /// A start with these.
    pub fn with(arguments: ReplicationJobArguments) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(arguments)))))
    }

    fn take(&self) -> Option<Box<ReplicationJobArguments>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Who wants a replication, as far as others are told.
#[derive(Clone, Debug)]
pub struct Wanting {
    /// Who asked at `_replicate`.
    pub user: Option<String>,
    /// The document of `_replicator` that asks for it.
    pub document: Option<DocumentName>,
}

impl ReplicationJobArguments {
    /// The id that names the job.
    pub fn id(&self) -> String {
        self.settings.id.to_string()
    }
}

/// The actor.
#[derive(Default)]
pub struct ReplicationJobActor;

/// The machine, its ends, and what is under way.
pub struct ReplicationJobState {
    names: Names,
    id: String,
    wanting: Arc<Wanting>,
    checkpoint_interval_ms: u64,
    machine: Replication,
    pace: Pace,
    /// Of documents that are carried, once there was one.
    moved: Option<Arc<Moved>>,
    /// The failure of an end that was logged last, and when.
    logged: Option<(String, Instant)>,
    refusals: Refusals,
    source: JobEnd,
    target: JobEnd,
    started: Instant,
    requests: JoinSet<()>,
    alarm: Option<AbortHandle>,
}

#[derive(Clone)]
enum JobEnd {
    Local(LocalEnd),
    Remote(Arc<RemoteDatabase>),
}

/// A request that is under way, on the heap and as large as it is: a job that waits holds one, for hours.
type Asking = Pin<Box<dyn Future<Output = Result<Answer, EndFailure>> + Send>>;

/// As whom and how an end is reached.
struct Way<'a> {
    user: &'a Arc<User>,
    link: &'a LinkOptions,
    sockets: SocketOptions,
    proxy: Option<&'a Proxy>,
}

impl JobEnd {
    async fn new(names: &Names, end: &EndPoint, way: &Way<'_>) -> Result<Self, ActorProcessingErr> {
        let mut link = way.link.clone();
        let (pool, address) = match end {
            EndPoint::Local(name) => return Ok(Self::Local(LocalEnd::new(names, name, way.user))),
            EndPoint::Node(end) => {
                return Err(format!("a job is towards one node, not `{end}`").into());
            }
            EndPoint::Remote(address) => (names::OUTGOING_CONNECTIONS, address.clone()),
            EndPoint::Peer(end) => {
                link.bandwidths.push(peer_connections::bandwidth(names, end.id).await?);
                (names::PEER_CONNECTIONS, end.address())
            }
        };
        let pool = crate::published::<Connections>(names, pool).await?;
        let pool = pool.with_sockets(way.sockets);
        let connections = match way.proxy {
            Some(proxy) => pool.through(proxy)?,
            None => pool,
        };
        Ok(Self::Remote(Arc::new(RemoteDatabase::over(connections, &address, link)?)))
    }

    fn perform(self, request: Request) -> Asking {
        match self {
            Self::Local(end) => end.perform(request),
            Self::Remote(end) => Box::pin(async move { end.perform(&request).await }),
        }
    }
}

/// What the client is told of the way to both ends, which share the job's bandwidth; `usual` where the job
/// does not say.
fn link(job: &JobLink, usual: &Replicator) -> LinkOptions {
    let usual_patience_ms = Some(usual.connection_timeout_ms).filter(|limit| *limit > 0);
    LinkOptions {
        packing: if usual.compression { Packing::Measured } else { Packing::Never },
        bandwidths: job.bandwidth.map(Bandwidth::new).into_iter().collect(),
        connections: job.connections.or(Some(usual.http_connections)),
        patience: job.patience_ms.or(usual_patience_ms).map(Duration::from_millis),
        without_bulk_get: !job.use_bulk_get.unwrap_or(usual.use_bulk_get),
    }
}

impl Actor for ReplicationJobActor {
    type Msg = ReplicationJobMessage;
    type State = ReplicationJobState;
    type Arguments = ReplicationJobStart;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        start: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let arguments = start.take().ok_or("an actor of a job is started once")?;
        // On the heap, or the actor's task would keep room for it while it lives.
        Box::pin(ReplicationJobState::new(arguments)).await
    }

    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let effects = state.machine.start(state.now_ms());
        state.carry_out(&myself, effects);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let now_ms = state.now_ms();
        let effects = match message {
            ReplicationJobMessage::Answered { id, result } => {
                state.machine.answer(now_ms, id, *result)
            }
            ReplicationJobMessage::Elapsed => state.machine.elapsed(now_ms),
            ReplicationJobMessage::Moved => Vec::new(),
        };
        state.carry_out(&myself, effects);
        Ok(())
    }
}

impl ReplicationJobState {
    async fn new(arguments: Box<ReplicationJobArguments>) -> Result<Self, ActorProcessingErr> {
        let id = arguments.id();
        let ReplicationJobArguments { names, job, settings, wanting } = *arguments;
        let current = names.value::<CurrentSettings>(names::CONFIGURATION);
        let usual = current.map(|current| current.settings.replicator.clone()).unwrap_or_default();
        let link = link(&job.link, &usual);
        let sockets = job.link.sockets.unwrap_or_else(|| outgoing_connections::sockets(&usual));
        let user = local_end::acting(job.user.as_ref());
        let user = &user;
        let way = |proxy| Way { user, link: &link, sockets, proxy: Option::as_ref(proxy) };
        Ok(Self {
            source: JobEnd::new(&names, &job.source, &way(&job.link.source_proxy)).await?,
            target: JobEnd::new(&names, &job.target, &way(&job.link.target_proxy)).await?,
            pace: Pace::default(),
            moved: None,
            logged: None,
            refusals: Refusals::default(),
            checkpoint_interval_ms: settings.checkpoint_interval_ms,
            machine: Replication::new(settings),
            wanting: Arc::new(wanting),
            names,
            id,
            started: Instant::now(),
            requests: JoinSet::new(),
            alarm: None,
        })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn carry_out(&mut self, myself: &ActorRef<ReplicationJobMessage>, effects: Vec<Effect>) {
        // Requests that have ended need no place any more.
        while self.requests.try_join_next().is_some() {}
        self.publish(myself);
        for effect in effects {
            match effect {
                Effect::Request { id, end, request } => self.send(myself, id, end, request),
                Effect::Wake { after_ms } => self.wake(myself, after_ms),
                Effect::Refused(refusals) => {
                    let target = self.machine.target_name();
                    self.refusals.tell((&self.id, target), &refusals);
                }
                Effect::Finished(outcome) => self.finish(myself, outcome),
            }
        }
    }

    fn publish(&mut self, myself: &ActorRef<ReplicationJobMessage>) {
        let (owner, name) = (myself.get_cell(), names::replication_job(&self.id));
        let status = Arc::new(self.machine.status());
        let now_ms = self.now_ms();
        let mut counts = status.statistics;
        counts.bytes_written += self.moved.as_ref().map_or(0, |moved| moved.bytes());
        self.pace.note(now_ms, status.changes_done, &counts);
        self.log_failure(status.last_failure.as_deref());
        let told = Told {
            status: Arc::clone(&status),
            wanting: Arc::clone(&self.wanting),
            checkpoint_interval_ms: self.checkpoint_interval_ms,
            pace: self.pace.clone(),
            started: self.started,
        };
        task_board::put_described(&self.names, &owner, &name, Arc::new(told));
        self.names.publish(&owner, &name, status);
    }

    /// Logs a failure of an end that is being asked again: once, however often it is met.
    fn log_failure(&mut self, failure: Option<&str>) {
        let Some(failure) = failure else { return };
        let is_known = |(last, at): &(String, Instant)| last == failure && at.elapsed() < LOG_AGAIN;
        if self.logged.as_ref().is_none_or(|logged| !is_known(logged)) {
            tracing::warn!(replication = self.id, failure, "a replication tries again");
            self.logged = Some((failure.to_owned(), Instant::now()));
        }
    }

    fn send(
        &mut self,
        myself: &ActorRef<ReplicationJobMessage>,
        id: RequestId,
        end: End,
        request: Request,
    ) {
        let asking = match (request, end) {
            (Request::Carry { wanted }, _) => self.carry(myself, wanted),
            (request, End::Source) => self.source.clone().perform(request),
            (request, End::Target) => self.target.clone().perform(request),
        };
        let myself = myself.clone();
        self.requests.spawn(async move {
            let result = Box::new(asking.await);
            let _ = myself.cast(ReplicationJobMessage::Answered { id, result });
        });
    }

    fn carry(&mut self, myself: &ActorRef<ReplicationJobMessage>, wanted: Wanted) -> Asking {
        let (source, target) = (self.source.clone(), self.target.clone());
        let moved = self.moved.get_or_insert_with(|| Arc::new(Moved::of(myself.clone())));
        let moved = Some(Arc::clone(moved));
        Box::pin(async move { carrying::carry(&source, &target, wanted, moved).await })
    }

    fn wake(&mut self, myself: &ActorRef<ReplicationJobMessage>, after_ms: u64) {
        if let Some(alarm) = self.alarm.take() {
            alarm.abort();
        }
        let myself = myself.clone();
        self.alarm = Some(self.requests.spawn(async move {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            let _ = myself.cast(ReplicationJobMessage::Elapsed);
        }));
    }

    fn finish(&mut self, myself: &ActorRef<ReplicationJobMessage>, outcome: Outcome) {
        self.requests.abort_all();
        let (id, outcome) = (self.id.clone(), Box::new(outcome));
        let refused = self.refusals.take();
        let ended = ReplicationSchedulerMessage::Ended { id, outcome, refused };
        let _ = self.names.cast(names::REPLICATION_SCHEDULER, ended);
        myself.stop(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual() -> Replicator {
        Replicator { http_connections: 7, connection_timeout_ms: 300, ..Replicator::default() }
    }

    #[test]
    fn a_link_is_as_the_settings_say_where_the_job_does_not() {
        let told = link(&JobLink::default(), &usual());
        assert_eq!(told.connections, Some(7));
        assert_eq!(told.patience, Some(Duration::from_millis(300)));
        assert_eq!(told.packing, Packing::Measured);
        assert!(told.bandwidths.is_empty());
        let usual = Replicator { connection_timeout_ms: 0, compression: false, ..usual() };
        let told = link(&JobLink::default(), &usual);
        assert_eq!((told.patience, told.packing), (None, Packing::Never));
    }

    #[test]
    fn what_the_job_says_of_a_link_counts_more() {
        let job = JobLink {
            connections: Some(2),
            patience_ms: Some(900),
            bandwidth: Some(64_000),
            ..JobLink::default()
        };
        let told = link(&job, &usual());
        assert_eq!(told.connections, Some(2));
        assert_eq!(told.patience, Some(Duration::from_millis(900)));
        assert_eq!(told.bandwidths.len(), 1);
    }
}
