//! The storage engine's actor. It opens the engine, runs the writer's thread, and publishes under its
//! own name the doors through which others use it: a [`Store`] to read and a [`Writer`] to write.
//!
//! Called by: shards and the database directory (writes), everybody who reads. A restart loses the
//! writes that were handed over and not yet committed; their callers hear that the outcome is unknown.
//! A failed commit poisons the engine: the actor ends, and its supervisor opens it anew.

mod writer;

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::{Layout, Settings};
use refuge_otp::Names;
use refuge_storage::{Engine, Operation, Options, Store};

use crate::configuration::CurrentSettings;
use crate::database_directory::DatabaseDirectoryMessage;
use crate::database_updates::DatabaseUpdatesMessage;
use crate::names;
pub use refuge_storage::OpenError;
pub use writer::{WriteFailure, Writer};
use writer::{WriterMetrics, WriterThread};

/// Key of the record that holds the installation's name.
const INSTALLATION: &str = "installation";

/// What the engine publishes: the ways in. Of no use once the engine is gone, as callers are told.
pub struct StorageDoors {
    /// To read.
    pub store: Store,
    /// To write.
    pub writer: Writer,
    /// 32 hexadecimal digits that name this installation; made at its first start.
    pub installation: String,
}

/// Messages of the engine's actor.
#[derive(Debug)]
pub enum EngineMessage {
    /// The writer's thread ended after a failed commit, for this reason.
    Poisoned(String),
}

/// What the engine is started with.
#[derive(Clone)]
pub struct EngineArguments {
    /// The names of this node.
    pub names: Names,
    /// Where the data is and how much memory it may take.
    pub options: Options,
}

/// The actor.
#[derive(Default)]
pub struct EngineActor;

/// Holds the writer's thread; dropping it closes the engine.
pub struct EngineState {
    thread: Option<WriterThread>,
    names: Names,
}

impl EngineArguments {
    /// For the data under the root that these settings name.
    pub fn new(names: Names, settings: &Settings) -> Self {
        let storage = &settings.storage;
        let options = Options {
            cache_bytes: storage.cache_bytes,
            memtable_bytes: storage.memtable_bytes,
            journal_bytes: storage.journal_bytes,
            ..Options::new(Layout::new(&settings.root).data())
        };
        Self { names, options }
    }
}

/// Opens the engine, and names the installation at its first start.
fn open(options: Options) -> Result<(Engine, String), ActorProcessingErr> {
    let mut engine = Engine::open(options)?;
    if let Some(name) = engine.store().node(INSTALLATION)? {
        return Ok((engine, String::from_utf8(name)?));
    }
    let name = crate::hexadecimal(&rand::random::<[u8; 16]>());
    let value = Some(name.clone().into_bytes());
    engine.commit(vec![Operation::Node { key: INSTALLATION.to_owned(), value }])?;
    Ok((engine, name))
}

impl Actor for EngineActor {
    type Msg = EngineMessage;
    type State = EngineState;
    type Arguments = EngineArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let EngineArguments { names, options } = arguments;
        let (engine, installation) = crate::blocking(move || open(options)).await??;
        let store = engine.store();
        let actor = myself.clone();
        let settings = names.clone();
        let kept_free = move || {
            let current = settings.value::<CurrentSettings>(names::CONFIGURATION);
            current.map_or(0, |current| current.settings.storage.free_bytes_least)
        };
        let metrics = WriterMetrics::of_node(names.node());
        let (thread, writer) = WriterThread::start(engine, metrics, kept_free, move |reason| {
            let _ = actor.cast(EngineMessage::Poisoned(reason));
        })?;
        let doors = StorageDoors { store, writer, installation };
        names.publish(&myself.get_cell(), names::ENGINE, Arc::new(doors));
        Ok(EngineState { thread: Some(thread), names })
    }

    async fn post_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        // What was committed just before a crash may not have been told to the feeds.
        if let Some(directory) =
            state.names.lookup::<DatabaseDirectoryMessage>(names::DATABASE_DIRECTORY)
        {
            let _ = directory.cast(DatabaseDirectoryMessage::EngineIsBack);
        }
        let _ = state.names.cast(names::DATABASE_UPDATES, DatabaseUpdatesMessage::EngineIsBack);
        Ok(())
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        _state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            EngineMessage::Poisoned(reason) => {
                Err(format!("a commit failed, the engine is opened anew: {reason}").into())
            }
        }
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(thread) = state.thread.take() {
            thread.finish().await;
        }
        Ok(())
    }
}
