//! Purges tombstones that were kept long enough, where that is set: by a database's option
//! `tombstone_days`, else by `databases.tombstone_days`. Rows hold no time of their own; marks tell what
//! the update sequence of a database was at a moment, and all tombstones up to a mark are at least as old.
//!
//! Told by: the database directory, when options change. A restart loses nothing: marks, and how far it
//! has come, are in the storage.

mod survey;

use std::ops::Bound;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_failpoints::{Failpoint, pass};
use refuge_http::{ChangesRequest, Database, Failure, PurgedDocument};
use refuge_otp::Names;
use refuge_storage::{DatabaseRange, DatabaseRecord, Operation, TimeMark};

use crate::configuration::CurrentSettings;
use crate::engine::StorageDoors;
use crate::node_service::{self, purge, with_store};
use crate::{names, unavailable};
use survey::{Survey, Sweep};

/// Time between two looks where tombstones are kept for days.
const LONGEST_REST: Duration = Duration::from_secs(60);
/// Where they are kept for moments, as tests do.
const SHORTEST_REST: Duration = Duration::from_millis(250);
/// Databases that are looked at in one read.
const PAGE_DATABASES: usize = 1_000;
/// Rows of a feed that are looked at in one read.
const PAGE_ROWS: usize = 1_000;
/// Documents purged in one write.
const PURGED_AT_ONCE: usize = 100;
/// Rest after each write, so that other writes get their turn: at most 5,000 documents a second.
const WRITE_REST: Duration = Duration::from_millis(20);
const MILLISECONDS_OF_A_DAY: u64 = 86_400_000;

/// Messages of the purge of tombstones.
#[derive(Debug)]
pub enum TombstonesMessage {
    /// Time to look; one that is not the last that was asked for is passed over.
    Look(u64),
    /// The options of a database changed.
    OptionsChanged,
}

/// The actor.
#[derive(Default)]
pub struct TombstonesActor;

/// The node's names, and which look is awaited.
pub struct TombstonesState {
    names: Names,
    awaited: u64,
}

impl Actor for TombstonesActor {
    type Msg = TombstonesMessage;
    type State = TombstonesState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.cast(TombstonesMessage::OptionsChanged)?;
        Ok(TombstonesState { names, awaited: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if matches!(message, TombstonesMessage::Look(number) if number != state.awaited) {
            return Ok(());
        }
        let rest = state.round().await.unwrap_or_else(|failure| {
            tracing::debug!(%failure, "tombstones could not be looked at");
            LONGEST_REST
        });
        state.awaited += 1;
        let awaited = state.awaited;
        myself.send_after(rest, move || TombstonesMessage::Look(awaited));
        Ok(())
    }
}

impl TombstonesState {
    /// Marks the time and purges what is due in all databases; how long to rest then.
    async fn round(&self) -> Result<Duration, Failure> {
        let usual_ms = self.names.value::<CurrentSettings>(names::CONFIGURATION).map_or(0, |now| {
            now.settings.databases.tombstone_days.saturating_mul(MILLISECONDS_OF_A_DAY)
        });
        let mut shortest_ms = None;
        let mut after: Option<String> = None;
        loop {
            let range = DatabaseRange {
                low: after.take().map_or(Bound::Unbounded, Bound::Excluded),
                high: Bound::Unbounded,
                descending: false,
                limit: PAGE_DATABASES,
            };
            let survey = Survey { now_ms: crate::now_ms(), usual_ms };
            let (last, found) = with_store(&self.names, move |store| {
                let page = store.databases(&range)?;
                let last = page.last().map(|record| record.name.clone());
                Ok((last, survey.of(store, page)?))
            })
            .await?;
            for one in found {
                shortest_ms = Some(one.keep_ms.min(shortest_ms.unwrap_or(u64::MAX)));
                if one.mark {
                    self.commit(Operation::MarkTime {
                        database: one.record.id,
                        time_ms: survey.now_ms,
                    })
                    .await?;
                }
                if let Some(sweep) = one.sweep
                    && let Err(failure) = self.sweep(&one.record, sweep).await
                {
                    // One database that cannot be swept does not hold up the others.
                    let database = one.record.name;
                    tracing::debug!(database, %failure, "tombstones stay for now");
                }
            }
            match last {
                Some(name) => after = Some(name),
                None => break,
            }
        }
        let rest = shortest_ms.map_or(LONGEST_REST, |keep| Duration::from_millis(keep / 8));
        Ok(rest.clamp(SHORTEST_REST, LONGEST_REST))
    }

    async fn commit(&self, operation: Operation) -> Result<(), Failure> {
        let doors = self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        let committed = doors.writer.commit(operation).await;
        committed.map(|_| ()).map_err(Failure::from)
    }

    /// Purges the tombstones up to a mark.
    async fn sweep(&self, record: &DatabaseRecord, sweep: Sweep) -> Result<(), Failure> {
        let database = node_service::open(&self.names, &record.name).await?;
        if database.record.id != record.id {
            return Ok(());
        }
        let Sweep { mut after, mark } = sweep;
        let TimeMark { time_ms, sequence: until } = mark;
        loop {
            let request =
                ChangesRequest { after, until, limit: PAGE_ROWS, descending: false, bodies: false };
            let page = database.changes(request).await?;
            let Some((last, _)) = page.rows.last() else { break };
            after = last.sequence;
            let rows = page.rows.iter().map(|(row, _)| row);
            let dead = rows.filter(|row| row.leaves.iter().all(|leaf| leaf.deleted));
            let dead: Vec<PurgedDocument> = dead
                .map(|row| PurgedDocument {
                    id: row.id.clone(),
                    revisions: row.leaves.iter().map(|leaf| leaf.revision.clone()).collect(),
                })
                .collect();
            for group in dead.chunks(PURGED_AT_ONCE) {
                purge(&database, group.to_vec(), Some(time_ms)).await?;
                tokio::time::sleep(WRITE_REST).await;
            }
            if page.finished {
                break;
            }
        }
        pass(Failpoint::TombstonesPurged);
        self.commit(Operation::TombstonesSwept { database: record.id, mark }).await
    }
}
