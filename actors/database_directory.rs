//! The directory of databases: deletes them, opens them on demand, publishes what is open
//! under the database's own name, and reopens with back-off what went down.
//!
//! Called by: the node's service. A restart loses which databases are open; they go down with it (its
//! supervisor restarts what stands behind it) and are opened again at the next demand.

mod failures;
mod idle;
mod setting;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_document::{REPLICATOR, USERS};
use refuge_failpoints::{Failpoint, pass};
use refuge_http::{Failure, Security};
use refuge_otp::{ChildSpecification, DynamicSupervisor, Exit, Names, StartError};
use refuge_storage::{DatabaseOptions, DatabaseRecord, Operation, Outcome};
use tokio::sync::oneshot;

use crate::authenticator;
use crate::change_feed::ChangeFeedMessage;
use crate::configuration::CurrentSettings;
use crate::database_updates::DatabaseUpdatesMessage;
use crate::engine::{StorageDoors, WriteFailure};
use crate::index_directory::IndexDirectoryMessage;
use crate::maintenance::MaintenanceMessage;
use crate::names;
use crate::node_service::{OpenDatabase, with_store};
use crate::unavailable;
use failures::Failures;

/// Answer to an opening.
type OpenReply = oneshot::Sender<Result<Arc<OpenDatabase>, Failure>>;
/// Answer to a change.
type DoneReply = oneshot::Sender<Result<(), Failure>>;

/// Messages of the directory.
pub enum DatabaseDirectoryMessage {
    /// Open a database, or tell why not.
    Open {
        /// Its name.
        name: String,
        /// Gets the open database.
        reply: OpenReply,
    },
    /// Delete a database.
    Delete {
        /// Its name.
        name: String,
        /// Answered after the commit.
        reply: DoneReply,
    },
    /// Replace a database's `_security`.
    SetSecurity {
        /// Its name.
        name: String,
        /// The new object.
        security: Box<Security>,
        /// Answered after the commit.
        reply: DoneReply,
    },
    /// Replace what is set for a database beside CouchDB's settings.
    SetOptions {
        /// Its name.
        name: String,
        /// The new options.
        options: DatabaseOptions,
        /// Answered after the commit.
        reply: DoneReply,
    },
    /// Set how many generations of history a database keeps.
    SetRevisionsLimit {
        /// Its name.
        name: String,
        /// The new limit, at least 1.
        limit: u32,
        /// Answered after the commit.
        reply: DoneReply,
    },
    /// What was asked of the open-databases supervisor has come about.
    Opened {
        /// Its name.
        name: String,
        /// What is open now, or why it is not.
        result: Result<Box<OpenDatabase>, Failure>,
    },
    /// An open database's supervisor ended.
    Closed {
        /// Its name.
        name: String,
        /// Why.
        exit: Exit,
    },
    /// The engine was restarted: commits may have gone untold.
    EngineIsBack,
    /// Time to look for what nobody uses.
    LookForIdle,
    /// Close these, where still nobody uses them.
    CloseIdle(Vec<String>),
}

/// Makes the child specification of an open database's supervisor.
pub type OpenDatabaseChild = Arc<dyn Fn(&OpenDatabase) -> ChildSpecification + Send + Sync>;

/// What the directory is started with.
#[derive(Clone)]
pub struct DatabaseDirectoryArguments {
    /// The names of this node.
    pub names: Names,
    /// The supervisors' part in opening a database.
    pub child: OpenDatabaseChild,
}

/// The actor.
#[derive(Default)]
pub struct DatabaseDirectoryActor;

/// What is open or being opened, and what failed lately.
pub struct DatabaseDirectoryState {
    arguments: DatabaseDirectoryArguments,
    myself: ActorRef<DatabaseDirectoryMessage>,
    open: HashMap<String, Arc<OpenDatabase>>,
    opening: HashMap<String, Vec<OpenReply>>,
    /// Those of them of which something was set, or that were deleted, since they were read.
    overtaken: HashSet<String>,
    failures: Failures,
}

impl Actor for DatabaseDirectoryActor {
    type Msg = DatabaseDirectoryMessage;
    type State = DatabaseDirectoryState;
    type Arguments = DatabaseDirectoryArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let state = DatabaseDirectoryState {
            arguments,
            myself,
            open: HashMap::new(),
            opening: HashMap::new(),
            overtaken: HashSet::new(),
            failures: Failures::default(),
        };
        state.look_again();
        Ok(state)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            DatabaseDirectoryMessage::Open { name, reply } => state.demand(name, reply).await,
            DatabaseDirectoryMessage::Delete { name, reply } => {
                let _ = reply.send(state.delete(&name).await);
            }
            DatabaseDirectoryMessage::SetSecurity { name, security, reply } => {
                let _ = reply.send(state.set_security(&name, *security).await);
            }
            DatabaseDirectoryMessage::SetOptions { name, options, reply } => {
                let _ = reply.send(state.set_options(&name, options).await);
            }
            DatabaseDirectoryMessage::SetRevisionsLimit { name, limit, reply } => {
                let _ = reply.send(state.set_revisions_limit(&name, limit).await);
            }
            DatabaseDirectoryMessage::Opened { name, result } => {
                let is_overtaken = state.overtaken.remove(&name);
                match result {
                    Err(failure) => state.not_opened(name, failure),
                    Ok(opened) if is_overtaken => {
                        let result = state.read_again(opened).await;
                        state.opened(name, result);
                    }
                    Ok(opened) => state.opened(name, Ok(opened)),
                }
            }
            DatabaseDirectoryMessage::Closed { name, exit } => state.closed(&name, &exit),
            DatabaseDirectoryMessage::EngineIsBack => state.refresh_feeds(),
            DatabaseDirectoryMessage::LookForIdle => state.look_for_idle().await,
            DatabaseDirectoryMessage::CloseIdle(unused) => state.close_idle(unused).await,
        }
        Ok(())
    }
}

impl DatabaseDirectoryState {
    fn names(&self) -> &Names {
        &self.arguments.names
    }

    async fn commit(&self, operation: Operation) -> Result<Outcome, Failure> {
        let doors = self.names().value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        doors.writer.commit(operation).await.map_err(|failure: WriteFailure| failure.into())
    }

    async fn demand(&mut self, name: String, reply: OpenReply) {
        if let Some(open) = self.open.get(&name) {
            let _ = reply.send(Ok(Arc::clone(open)));
            return;
        }
        if let Some(waiting) = self.opening.get_mut(&name) {
            waiting.push(reply);
            return;
        }
        if let Some(failure) = self.failures.refusal(&name, Instant::now()) {
            let _ = reply.send(Err(failure));
            return;
        }
        match self.load(&name).await {
            Err(failure) => {
                let _ = reply.send(Err(failure));
            }
            Ok(open) => {
                self.opening.insert(name, vec![reply]);
                self.start(open);
            }
        }
    }

    /// Reads a database's record and settings from the storage.
    async fn load(&self, name: &str) -> Result<OpenDatabase, Failure> {
        let key = name.to_owned();
        let (record, security, options) = with_store(self.names(), move |store| {
            let Some(record) = store.database(&key)? else {
                return Ok((None, None, DatabaseOptions::default()));
            };
            let options = store.snapshot()?.options(record.id)?;
            let security = store.security(record.id)?;
            Ok((Some(record), security, options))
        })
        .await?;
        let record: DatabaseRecord = record.ok_or(Failure::NoDatabase)?;
        let security = match security {
            None => self.default_security(name),
            Some(json) => serde_json::from_slice(&json)
                .map_err(|error| Failure::Internal(format!("_security of {name}: {error}")))?,
        };
        let open = OpenDatabase::new(self.names().clone(), record, Arc::new(security));
        Ok(open.with_options(options))
    }

    /// What a database has whose `_security` nobody set. Replications are for admins in any case: they run
    /// for whoever writes their documents.
    fn default_security(&self, name: &str) -> Security {
        let current = self.names().value::<CurrentSettings>(names::CONFIGURATION);
        let is_open = current
            .is_some_and(|current| current.settings.databases.default_security != "admin_only");
        if is_open && name != REPLICATOR {
            Security::default()
        } else {
            Security::for_new_databases()
        }
    }

    /// Asks the supervisor, which was started after this actor, and hears of it by message.
    fn start(&mut self, open: OpenDatabase) {
        let (names, myself) = (self.names().clone(), self.myself.clone());
        let name = open.record.name.clone();
        let child = (self.arguments.child)(&open);
        let supervisor = DynamicSupervisor::new(&names, names::OPEN_DATABASES);
        let (failed, watcher) = (name.clone(), myself.clone());
        let asked = supervisor.start_child_then(child, &myself, move |started| {
            let result = match started {
                Ok(cell) => {
                    let closed = open.record.name.clone();
                    names.monitor_into(&cell, &watcher, move |exit| {
                        DatabaseDirectoryMessage::Closed { name: closed, exit }
                    });
                    Ok(Box::new(open))
                }
                Err(error) => Err(not_opened(&error)),
            };
            DatabaseDirectoryMessage::Opened { name, result }
        });
        if let Err(error) = asked {
            self.overtaken.remove(&failed);
            self.not_opened(failed, not_opened(&error));
        }
    }

    fn publish(&mut self, open: Arc<OpenDatabase>) {
        let name = open.record.name.clone();
        let owner = self.myself.get_cell();
        self.names().publish(&owner, &names::database(&name), Arc::clone(&open));
        self.open.insert(name, open);
    }

    /// It failed by itself: the next opening waits for a while.
    fn not_opened(&mut self, name: String, failure: Failure) {
        self.failures.note(&name, failure.to_string(), Instant::now());
        self.opened(name, Err(failure));
    }

    fn opened(&mut self, name: String, result: Result<Box<OpenDatabase>, Failure>) {
        let waiting = self.opening.remove(&name).unwrap_or_default();
        let result = result.map(|open| {
            let open: Arc<OpenDatabase> = Arc::from(open);
            self.publish(Arc::clone(&open));
            open
        });
        for reply in waiting {
            let _ = reply.send(result.clone());
        }
    }

    fn closed(&mut self, name: &str, exit: &Exit) {
        // After a deletion it is no longer in the table.
        if self.open.remove(name).is_some() {
            self.names().withdraw(&self.myself.get_cell(), &names::database(name));
            if !exit.is_normal() {
                tracing::warn!(database = name, %exit, "an open database went down");
                self.failures.note(name, exit.to_string(), Instant::now());
            }
        }
    }

    async fn delete(&mut self, name: &str) -> Result<(), Failure> {
        let outcome = self.commit(Operation::DeleteDatabase { name: name.to_owned() }).await?;
        let Outcome::Deleted(database) = outcome else { return Err(Failure::NoDatabase) };
        pass(Failpoint::DatabaseDeleted);
        self.failures.forget(name);
        self.overtake(name);
        if name == USERS {
            authenticator::users_changed(self.names());
        }
        if self.open.remove(name).is_some() {
            self.names().withdraw(&self.myself.get_cell(), &names::database(name));
            let (names, name) = (self.names().clone(), name.to_owned());
            // Awaited, so that a database of the same name finds the names free.
            let _ = DynamicSupervisor::new(&names, names::OPEN_DATABASES)
                .stop_child(&names::database(&name))
                .await;
        }
        let deleted = DatabaseUpdatesMessage::Deleted(name.to_owned());
        let _ = self.names().cast(names::DATABASE_UPDATES, deleted);
        // With the database nobody asks for its indexes any more.
        let clean =
            IndexDirectoryMessage::Clean { database: Some(database), lenient: false, reply: None };
        let _ = self.names().cast(names::INDEX_DIRECTORY, clean);
        if let Some(maintenance) = self.names().lookup::<MaintenanceMessage>(names::MAINTENANCE) {
            let _ = maintenance.cast(MaintenanceMessage::DatabaseDeleted);
        }
        Ok(())
    }

    fn refresh_feeds(&self) {
        for open in self.open.values() {
            if let Some(feed) = self.names().lookup::<ChangeFeedMessage>(&open.change_feed) {
                let _ = feed.cast(ChangeFeedMessage::Refresh);
            }
        }
    }
}

fn not_opened(error: &StartError) -> Failure {
    Failure::Unavailable(format!("the database could not be opened: {error}"))
}
