//! One pass: from where the index stands to where its database stands. While one batch is written the next
//! is being read and mapped.

use std::sync::Arc;

use ractor::ActorRef;
use refuge_http::Failure;
use refuge_query::view::RowMaker;
use refuge_storage::{IndexState, IndexWrite};

use super::reading::{self, Batch};
use super::{IndexerArguments, IndexerMessage, building, gone, mapping, purging, writing};
use crate::index_engine::IndexDoors;
use crate::javascript::JavaScript;
use crate::{names, published, unavailable};

/// What a pass works with.
pub(super) struct Pass {
    pub(super) arguments: IndexerArguments,
    indexer: ActorRef<IndexerMessage>,
}

/// The doors of one pass.
pub(super) struct Doors {
    pub(super) index: Arc<IndexDoors>,
    pub(super) javascript: Arc<JavaScript>,
    pub(super) makers: Arc<Vec<RowMaker>>,
}

impl Pass {
    pub(super) fn new(arguments: IndexerArguments, indexer: ActorRef<IndexerMessage>) -> Self {
        Self { arguments, indexer }
    }

    /// Runs to its end; answers where the index stands then.
    pub(super) async fn run(&self) -> Result<IndexState, Failure> {
        let doors = self.doors().await?;
        let mut state = self.state(&doors)?;
        state = purging::follow(self, &doors, state).await?;
        state = self.follow_changes(&doors, state).await?;
        if !state.complete {
            state = building::build(self, &doors, state).await?;
            // What was written while the reductions were built.
            state = self.follow_changes(&doors, state).await?;
        }
        purging::note(self, state).await?;
        Ok(state)
    }

    async fn doors(&self) -> Result<Doors, Failure> {
        let names = &self.arguments.names;
        let index = published::<IndexDoors>(names, names::INDEX_ENGINE).await?;
        let javascript = published::<JavaScript>(names, names::JAVASCRIPT).await?;
        let seed = self.arguments.record.definition.seed;
        let makers = Arc::new(self.arguments.design.row_makers(seed)?);
        Ok(Doors { index, javascript, makers })
    }

    /// Where the index stands on disk.
    fn state(&self, doors: &Doors) -> Result<IndexState, Failure> {
        let store = doors.index.store().ok_or_else(unavailable)?;
        let state = store.snapshot().and_then(|view| view.state(self.arguments.record.number));
        let state = state.map_err(|error| crate::node_service::storage_failure(&error))?;
        state.ok_or_else(gone)
    }

    async fn follow_changes(
        &self,
        doors: &Doors,
        mut state: IndexState,
    ) -> Result<IndexState, Failure> {
        let mut next = self.prepare(doors, state).await?;
        while let Some(batch) = next {
            let reached = IndexState { position: batch.position, ..state };
            let left = batch.left;
            let (written, prepared) =
                tokio::join!(self.write(doors, batch, reached), self.prepare(doors, reached));
            written?;
            state = reached;
            let _ = self.indexer.cast(IndexerMessage::Reached { state, left });
            next = prepared?;
        }
        Ok(state)
    }

    /// Reads the next changes and has them mapped; `None` where there are none.
    async fn prepare(&self, doors: &Doors, state: IndexState) -> Result<Option<Batch>, Failure> {
        let Some(mut batch) = reading::changes(&self.arguments, state.position).await? else {
            return Ok(None);
        };
        mapping::map(&self.arguments, doors, &mut batch).await?;
        Ok(Some(batch))
    }

    /// Writes a batch.
    pub(super) async fn write(
        &self,
        doors: &Doors,
        batch: Batch,
        state: IndexState,
    ) -> Result<(), Failure> {
        let write = writing::prepare(&self.arguments, doors, batch, state).await?;
        self.commit(doors, write).await
    }

    pub(super) async fn commit(&self, doors: &Doors, write: IndexWrite) -> Result<(), Failure> {
        Ok(doors.index.writer.commit(write).await?)
    }
}
