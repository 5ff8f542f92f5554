//! The log of what happens to databases: made, changed, removed. It numbers these events, keeps of each
//! kind the last one a database, and serves `_db_updates`. A change is told by a database's change feed
//! at most once until the log has written it, so a thousand writes cost one row, a little later.
//!
//! Told by: whoever makes and removes databases, the change feeds. Called by: the node's service. A crash
//! loses nothing: at its start the log compares the databases with its rows, and tells what it missed.

mod missed;
mod rows;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{DatabaseUpdateKind, DatabaseUpdatesPage, DatabaseUpdatesRequest, Failure};
use refuge_otp::Names;
use refuge_storage::Store;
use tokio::sync::oneshot;

use crate::engine::StorageDoors;
use crate::node_service::{storage_failure, with_store};
use crate::own_events::{NewOwnEvent, OwnEventKind};
use crate::{names, own_events, published, unavailable};
use missed::missed;
use rows::Happened;

/// How long events gather before they are written: each round is one more row for the writer's group, and
/// nobody is told later than this.
const GATHERING: Duration = Duration::from_millis(100);

/// Events written at once, so that the writer's group stays small: a node that was upgraded may have to
/// tell of all its databases.
const WRITTEN_AT_ONCE: usize = 1_000;

/// How long to wait before writing again when the engine did not answer.
const RETRY: Duration = Duration::from_secs(1);

/// Messages of the log.
pub enum DatabaseUpdatesMessage {
    /// A database was made.
    Created(String),
    /// Documents of a database changed.
    Updated {
        /// Its name.
        name: String,
        /// Lets the change feed tell the next change.
        told: Told,
    },
    /// A database was removed.
    Deleted(String),
    /// Time to write what gathered.
    Write,
    /// The engine was restarted: commits may have gone untold.
    EngineIsBack,
    /// What was not told has been found.
    Missed(Vec<Happened>),
    /// A page of updates.
    Page {
        /// Which.
        request: DatabaseUpdatesRequest,
        /// Gets the page.
        reply: oneshot::Sender<Result<DatabaseUpdatesPage, Failure>>,
    },
    /// Wait until there is an update behind this number.
    Beyond {
        /// The number.
        number: u64,
        /// Gets the number of the newest update then.
        reply: oneshot::Sender<u64>,
    },
}

/// Whether a database's change is on its way to the log. As long as it is, further changes are told with
/// it; it ends when the log takes it up, or loses it.
pub struct Told(Arc<AtomicBool>);

impl Told {
    /// Unless a change is on its way already.
    pub(crate) fn begin(flag: &Arc<AtomicBool>) -> Option<Self> {
        let on_its_way = flag.load(Ordering::Relaxed) || flag.swap(true, Ordering::AcqRel);
        (!on_its_way).then(|| Self(Arc::clone(flag)))
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The actor.
#[derive(Default)]
pub struct DatabaseUpdatesActor;

/// What gathered, and who waits.
pub struct DatabaseUpdatesState {
    names: Names,
    myself: ActorRef<DatabaseUpdatesMessage>,
    /// The number of the newest update that is written.
    last: u64,
    /// What is not written, in the order in which it happened.
    gathered: Vec<Happened>,
    /// The changes among them.
    told: HashMap<String, Told>,
    /// A round of writing is due.
    due: bool,
    waiters: Vec<(u64, oneshot::Sender<u64>)>,
}

impl Actor for DatabaseUpdatesActor {
    type Msg = DatabaseUpdatesMessage;
    type State = DatabaseUpdatesState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        let doors = published::<StorageDoors>(&names, names::ENGINE).await?;
        let store = doors.store.clone();
        let last = crate::blocking(move || rows::last(&store)).await??;
        myself.cast(DatabaseUpdatesMessage::EngineIsBack)?;
        Ok(DatabaseUpdatesState {
            names,
            myself,
            last,
            gathered: Vec::new(),
            told: HashMap::new(),
            due: false,
            waiters: Vec::new(),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        use DatabaseUpdatesMessage as Message;
        match message {
            Message::Created(name) => state.gather(DatabaseUpdateKind::Created, name),
            Message::Deleted(name) => state.gather(DatabaseUpdateKind::Deleted, name),
            Message::Updated { name, told } => {
                state.told.insert(name.clone(), told);
                state.gather(DatabaseUpdateKind::Updated, name);
            }
            Message::Write => {
                state.due = false;
                state.write().await;
            }
            Message::EngineIsBack => state.look_for_missed(),
            Message::Missed(happened) => {
                for Happened { kind, name } in happened {
                    state.gather(kind, name);
                }
            }
            Message::Page { request, reply } => {
                state.write().await;
                state.page(request, reply);
            }
            Message::Beyond { number, reply } => state.wait(number, reply),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        state.write().await;
        Ok(())
    }
}

impl DatabaseUpdatesState {
    fn gather(&mut self, kind: DatabaseUpdateKind, name: String) {
        let event = match kind {
            DatabaseUpdateKind::Created => Some(OwnEventKind::DatabaseCreated),
            DatabaseUpdateKind::Deleted => Some(OwnEventKind::DatabaseDeleted),
            DatabaseUpdateKind::Updated => None,
        };
        if let Some(event) = event {
            own_events::tell(&self.names, NewOwnEvent::new(event, &*name));
        }
        self.gathered.push(Happened { kind, name });
        self.write_after(GATHERING);
    }

    fn write_after(&mut self, time: Duration) {
        if !std::mem::replace(&mut self.due, true) {
            self.myself.send_after(time, || DatabaseUpdatesMessage::Write);
        }
    }

    /// Writes what gathered, some at a time; what could not be written stays, and is written again.
    async fn write(&mut self) {
        if self.gathered.is_empty() {
            return;
        }
        // From here on a change is a new event: those that gathered are read as they are now.
        self.told.clear();
        while !self.gathered.is_empty() {
            let some = self.gathered.len().min(WRITTEN_AT_ONCE);
            let part: Vec<Happened> = self.gathered.iter().take(some).cloned().collect();
            match self.try_to_write(part).await {
                Ok(last) => {
                    self.gathered.drain(..some);
                    self.last = last;
                }
                Err(failure) => {
                    tracing::warn!(%failure, "updates of databases wait to be written");
                    self.write_after(RETRY);
                    break;
                }
            }
        }
        let last = self.last;
        for (_, reply) in self.waiters.extract_if(.., |(number, _)| last > *number) {
            let _ = reply.send(last);
        }
    }

    async fn try_to_write(&self, gathered: Vec<Happened>) -> Result<u64, Failure> {
        let doors = self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        let (store, last) = (doors.store.clone(), self.last);
        let rows = crate::blocking(move || rows::writes(&store, last, gathered)).await;
        let rows = rows.map_err(|error| Failure::Internal(error.to_string()))?;
        let (operation, last) = rows.map_err(|error| Failure::Internal(error.to_string()))?;
        let written = doors.writer.commit(operation).await;
        written.map_err(|failure| Failure::Unavailable(failure.to_string()))?;
        Ok(last)
    }

    /// Compares the databases with the rows, on the side: there may be many.
    fn look_for_missed(&self) {
        let (names, myself) = (self.names.clone(), self.myself.clone());
        crate::task::spawn(async move {
            let look = |store: &Store| Ok(missed(store));
            match with_store(&names, look).await {
                Ok(Ok(happened)) => {
                    let _ = myself.cast(DatabaseUpdatesMessage::Missed(happened));
                }
                Ok(Err(error)) => tracing::warn!(%error, "missed updates were not looked for"),
                Err(failure) => tracing::warn!(%failure, "missed updates were not looked for"),
            }
        });
    }

    fn page(
        &self,
        request: DatabaseUpdatesRequest,
        reply: oneshot::Sender<Result<DatabaseUpdatesPage, Failure>>,
    ) {
        let last = self.last;
        let Some(doors) = self.names.value::<StorageDoors>(names::ENGINE) else {
            let _ = reply.send(Err(unavailable()));
            return;
        };
        crate::blocking::aside(move || {
            let updates = rows::page(&doors.store, request).map_err(|error| match error {
                rows::RowsError::Storage(error) => storage_failure(&error),
                error => Failure::Internal(error.to_string()),
            });
            let _ = reply.send(updates.map(|updates| DatabaseUpdatesPage { updates, last }));
        });
    }

    fn wait(&mut self, number: u64, reply: oneshot::Sender<u64>) {
        if self.last > number {
            let _ = reply.send(self.last);
            return;
        }
        // Who went away no longer waits.
        self.waiters.retain(|(_, reply)| !reply.is_closed());
        self.waiters.push((number, reply));
    }
}
