//! The owner of the indexes' database. It runs the writer's thread and publishes under its own name the
//! doors through which others use it. The database is opened when the first index is made, or at the
//! start where there are some: a node without indexes pays for none.
//!
//! Called by: the index directory and the indexers. A restart loses what was handed over and not yet
//! written; indexers go on from the position that was. Nothing here is synced: an index can be built again.

mod writer;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_config::{Layout, Settings};
use refuge_otp::Names;
use refuge_storage::{IndexOptions, IndexStore};

use crate::engine::StorageDoors;
use crate::names;
use writer::WriterThread;
pub use writer::{IndexWriteFailure, IndexWriter};

/// Cache of table blocks. What misses it is read through the page cache.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;
/// Largest active memtable of one keyspace: three of them fill while an index is built.
const MEMTABLE_BYTES: u64 = 8 * 1024 * 1024;
/// Nothing is written for between one and two of these: memory is let go.
const REST: Duration = Duration::from_secs(3);
/// How long opening waits for readers of the engine before: a snapshot lives at most 10 s.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// The ways in. Of no use once the engine is gone, as callers are told.
pub struct IndexDoors {
    store: Arc<OnceLock<IndexStore>>,
    /// To write.
    pub writer: IndexWriter,
}

impl IndexDoors {
    /// To read; `None` while there is no index.
    pub fn store(&self) -> Option<&IndexStore> {
        self.store.get()
    }
}

/// Messages of the engine's actor.
#[derive(Debug)]
pub enum IndexEngineMessage {
    /// The writer's thread ended after a failed write, for this reason.
    Failed(String),
    /// Time to see whether anything is being written.
    Rest,
}

/// What the engine is started with.
#[derive(Clone)]
pub struct IndexEngineArguments {
    /// The names of this node.
    pub names: Names,
    /// Where the indexes are.
    pub options: IndexOptions,
}

impl IndexEngineArguments {
    /// For the indexes under the root that these settings name.
    pub fn new(names: Names, settings: &Settings) -> Self {
        let options = IndexOptions {
            path: Layout::new(&settings.root).indexes(),
            cache_bytes: CACHE_BYTES,
            memtable_bytes: MEMTABLE_BYTES,
            lock_wait: LOCK_WAIT,
        };
        Self { names, options }
    }
}

/// The actor.
#[derive(Default)]
pub struct IndexEngineActor;

/// Holds the writer's thread; dropping it closes the engine.
pub struct IndexEngineState {
    thread: Option<WriterThread>,
    writer: IndexWriter,
}

impl Actor for IndexEngineActor {
    type Msg = IndexEngineMessage;
    type State = IndexEngineState;
    type Arguments = IndexEngineArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let IndexEngineArguments { names, options } = arguments;
        let actor = myself.clone();
        let store = Arc::new(OnceLock::new());
        let documents = names.clone();
        let room = move || {
            let doors = documents.value::<StorageDoors>(names::ENGINE);
            let space = doors.and_then(|doors| doors.store.free_space());
            !space.is_some_and(|space| space.is_short())
        };
        let failed = move |reason| {
            let _ = actor.cast(IndexEngineMessage::Failed(reason));
        };
        let (thread, writer) = WriterThread::start(options, store.clone(), room, failed).await?;
        myself.send_interval(REST, || IndexEngineMessage::Rest);
        let doors = IndexDoors { store, writer: writer.clone() };
        names.publish(&myself.get_cell(), names::INDEX_ENGINE, Arc::new(doors));
        Ok(IndexEngineState { thread: Some(thread), writer })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            IndexEngineMessage::Rest => {
                state.writer.rest();
                Ok(())
            }
            IndexEngineMessage::Failed(reason) => {
                Err(format!("a write of an index failed, the indexes are opened anew: {reason}")
                    .into())
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
