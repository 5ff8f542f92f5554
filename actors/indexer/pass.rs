//! One pass: from where the index stands to where its database stands. While one batch is written the next
//! is being read and mapped.

use std::sync::Arc;

use ractor::ActorRef;
use refuge_http::Failure;
use refuge_query::view::RowMaker;
use refuge_storage::{IndexState, IndexWrite};

use super::mapping::Limited;
use super::reading::{self, Batch, Leg};
use super::{IndexerArguments, IndexerMessage, building, mapping, purging, writing};
use crate::index_directory::{BuildPlace, ReaderIndexes};
use crate::index_engine::IndexDoors;
use crate::javascript::JavaScript;
use crate::{names, published, unavailable};

/// Moments in a row that a pass may leave behind unfinished although it came no nearer to the present.
const MOST_VAIN_LEGS: usize = 12;

/// Whether a pass comes nearer to the present from moment to moment. As long as it does, each may be left
/// behind unfinished: what is held open for long keeps all that was written since in memory. Whoever writes
/// faster than the index follows does not keep it from ever being complete: then one moment is read to its end,
/// however long that takes.
struct Nearing {
    nearest: u64,
    vain: usize,
}

impl Nearing {
    fn new() -> Self {
        Self { nearest: u64::MAX, vain: 0 }
    }

    /// Begins a moment with so many sequences to go; answers whether it may be left behind unfinished.
    fn may_leave(&mut self, left: u64) -> bool {
        self.vain = if left < self.nearest { 0 } else { self.vain + 1 };
        self.nearest = self.nearest.min(left);
        self.vain < MOST_VAIN_LEGS
    }
}

/// What a pass works with.
pub(super) struct Pass {
    pub(super) arguments: IndexerArguments,
    indexer: ActorRef<IndexerMessage>,
    limited: Limited,
}

/// Why a pass did not come to its end.
#[derive(Clone, Debug)]
pub(super) enum PassFailure {
    /// The index or its database is no more: nothing is left to do for this indexer.
    Gone,
    /// A function cannot be run to any use; trying again soon would come to the same.
    GivenUp(Failure),
    /// Something failed that may go the next time.
    Failed(Failure),
}

impl From<Failure> for PassFailure {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The doors of one pass.
pub(super) struct Doors {
    pub(super) index: Arc<IndexDoors>,
    pub(super) javascript: Arc<JavaScript>,
    pub(super) makers: Arc<Vec<RowMaker>>,
}

impl Pass {
    pub(super) fn new(arguments: IndexerArguments, indexer: ActorRef<IndexerMessage>) -> Self {
        Self { arguments, indexer, limited: Limited::default() }
    }

    /// Runs to its end; answers where the index stands then.
    pub(super) async fn run(&self) -> Result<IndexState, PassFailure> {
        let doors = self.doors().await?;
        // What an indexer before handed over comes first: this one reads what that leaves.
        doors.index.writer.barrier().await.map_err(Failure::from)?;
        let _place = self.place(self.state(&doors)?).await?;
        let mut state = self.state(&doors)?;
        state = self.follow(&doors, state).await?;
        if !state.complete {
            state = building::build(self, &doors, state).await?;
            // What was written while the reductions were built.
            state = self.follow(&doors, state).await?;
        }
        Ok(state)
    }

    /// Waits for the turn of an index of a reader's own that is to be built first.
    async fn place(&self, state: IndexState) -> Result<Option<BuildPlace>, Failure> {
        let reader = self.arguments.design.reader.as_ref().filter(|_| !state.complete);
        let Some(reader) = reader else { return Ok(None) };
        let names = &self.arguments.names;
        let readers = published::<ReaderIndexes>(names, names::READER_INDEXES).await?;
        Ok(Some(readers.build_place(self.arguments.database, reader.functions).await))
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
    fn state(&self, doors: &Doors) -> Result<IndexState, PassFailure> {
        let store = doors.index.store().ok_or_else(unavailable)?;
        let state = store.snapshot().and_then(|view| view.state(self.arguments.record.number));
        let state = state.map_err(|error| crate::node_service::storage_failure(&error))?;
        state.ok_or(PassFailure::Gone)
    }

    /// Follows the database to the end of one moment.
    async fn follow(
        &self,
        doors: &Doors,
        mut state: IndexState,
    ) -> Result<IndexState, PassFailure> {
        let mut nearing = Nearing::new();
        loop {
            let leg = Leg::open(&self.arguments).await?.ok_or(PassFailure::Gone)?;
            // The database is another one than it was made of.
            if state.position > leg.until {
                doors
                    .index
                    .writer
                    .drop_index(self.arguments.record.clone())
                    .await
                    .map_err(Failure::from)?;
                return Err(PassFailure::Gone);
            }
            state = purging::follow(self, doors, &leg, state).await?;
            self.tell_beginning(&leg, state);
            let may_end = nearing.may_leave(leg.until - state.position);
            let (reached, is_through) = self.follow_changes(doors, &leg, state, may_end).await?;
            state = reached;
            if is_through {
                return Ok(state);
            }
        }
    }

    /// Tells of the work before its first batch, which may take long.
    fn tell_beginning(&self, leg: &Leg, state: IndexState) {
        let left = leg.until - state.position;
        if left > 0 {
            let _ = self.indexer.cast(IndexerMessage::Reached { state, left });
        }
    }

    /// Follows the changes of one moment; answers whether to its end.
    async fn follow_changes(
        &self,
        doors: &Doors,
        leg: &Leg,
        mut state: IndexState,
        may_end: bool,
    ) -> Result<(IndexState, bool), PassFailure> {
        let mut next = self.prepare(doors, leg, state).await?;
        while let Some(batch) = next {
            let lacking = state.lacking || batch.lacking;
            let reached = IndexState { position: batch.position, lacking, ..state };
            let left = batch.left;
            if left > 0 && may_end && leg.is_old() {
                self.write(doors, batch, state, reached).await?;
                return Ok((reached, false));
            }
            let (written, prepared) = tokio::join!(
                self.write(doors, batch, state, reached),
                self.prepare(doors, leg, reached)
            );
            written?;
            state = reached;
            let _ = self.indexer.cast(IndexerMessage::Reached { state, left });
            next = prepared?;
        }
        Ok((state, true))
    }

    /// Reads the next changes and has them mapped; `None` where there are none.
    async fn prepare(
        &self,
        doors: &Doors,
        leg: &Leg,
        state: IndexState,
    ) -> Result<Option<Batch>, PassFailure> {
        let Some(mut batch) = reading::changes(&self.arguments, leg, state.position).await? else {
            return Ok(None);
        };
        mapping::map(&self.arguments, doors, &self.limited, &mut batch).await?;
        Ok(Some(batch))
    }

    /// Writes a batch that takes the index from one state to another.
    pub(super) async fn write(
        &self,
        doors: &Doors,
        batch: Batch,
        base: IndexState,
        state: IndexState,
    ) -> Result<(), PassFailure> {
        let write = writing::prepare(&self.arguments, doors, batch, base, state).await?;
        self.commit(doors, write).await
    }

    pub(super) async fn commit(&self, doors: &Doors, write: IndexWrite) -> Result<(), PassFailure> {
        doors
            .index
            .writer
            .commit(write)
            .await
            .map_err(|failure| PassFailure::Failed(failure.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_to_its_end_only_where_none_comes_nearer_to_the_present() {
        let mut slow = Nearing::new();
        assert!((0..1_000).rev().all(|left| slow.may_leave(left)), "however many moments it takes");
        let mut overrun = Nearing::new();
        let left = (0..).take_while(|_| overrun.may_leave(500)).count();
        assert_eq!(left, MOST_VAIN_LEGS);
        assert!(overrun.may_leave(499), "writes became fewer");
    }
}
