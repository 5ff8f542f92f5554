//! Time to live: looks every second for revisions that are due and writes their tombstones. The same
//! revision gets the same tombstone on every node, so that nodes that expire it each for themselves
//! agree. It never purges.
//!
//! Called by nobody. A restart loses nothing: what is due stands in the storage until its tombstone is
//! written, or until it turns out that the revision is no leaf any more.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use refuge_document::{Body, BodyPlace, EditKind};
use refuge_failpoints::{Failpoint, pass};
use refuge_http::{Database, Failure, Update, UpdateFailure};
use refuge_otp::Names;
use refuge_storage::{DatabaseId, DatabaseRange, ExpiryRow, Operation};
use serde_json::{Map, Value};

use crate::engine::StorageDoors;
use crate::node_service::{self, with_store};
use crate::{names, task_board, unavailable};

/// Time between two looks: a document expires at most so much late, and an idle look costs one seek.
const LOOK: Duration = Duration::from_secs(1);
/// Revisions taken at a time: one batch of a shard.
const ROUND_ROWS: usize = 1_000;
/// Rest between two rounds while there is more, so that other writes get their turn.
const ROUND_REST: Duration = Duration::from_millis(20);
/// The sweep's key on the board of tasks.
const TASK: &str = "expiry";
/// Names of databases that are read at a time.
const PAGE_DATABASES: usize = 1_000;

/// Messages of the expiry.
#[derive(Debug)]
pub enum ExpiryMessage {
    /// Time to look.
    Look,
}

/// The actor.
#[derive(Default)]
pub struct ExpiryActor;

/// The node's names, the names of databases that had something due, and the sweep under way.
pub struct ExpiryState {
    names: Names,
    /// Whose task the sweep is.
    myself: ActorCell,
    databases: HashMap<DatabaseId, String>,
    /// Whether a sweep shows on the board of tasks.
    shown: bool,
    /// Revisions that the sweep under way has settled.
    settled: u64,
    /// Tombstones that were written.
    expired: metrics::Counter,
}

impl Actor for ExpiryActor {
    type Msg = ExpiryMessage;
    type State = ExpiryState;
    type Arguments = Names;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        names: Names,
    ) -> Result<Self::State, ActorProcessingErr> {
        myself.cast(ExpiryMessage::Look)?;
        let (myself, databases) = (myself.get_cell(), HashMap::new());
        let labels = [("node", names.node().to_owned())];
        let expired = metrics::counter!("refuge_expired_documents_total", &labels);
        Ok(ExpiryState { names, myself, databases, shown: false, settled: 0, expired })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        _message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        let rest = match state.round().await {
            Ok(true) => ROUND_REST,
            Ok(false) => {
                state.swept();
                LOOK
            }
            Err(failure) => {
                state.swept();
                tracing::debug!(%failure, "what is due could not be expired yet");
                LOOK
            }
        };
        myself.send_after(rest, || ExpiryMessage::Look);
        Ok(())
    }
}

impl ExpiryState {
    /// Expires what is due, up to a round; tells whether there may be more at once.
    async fn round(&mut self) -> Result<bool, Failure> {
        let now_ms = crate::now_ms();
        let due = with_store(&self.names, move |store| store.due(now_ms, ROUND_ROWS)).await?;
        if due.is_empty() {
            return Ok(false);
        }
        self.tell();
        let full = due.len() == ROUND_ROWS;
        let mut of_databases: BTreeMap<DatabaseId, Vec<ExpiryRow>> = BTreeMap::new();
        for row in due {
            of_databases.entry(row.database).or_default().push(row);
        }
        let mut settled = Vec::new();
        for (database, rows) in of_databases {
            settled.extend(self.expire(database, rows).await?);
        }
        let progressed = !settled.is_empty();
        self.settled += settled.len() as u64;
        pass(Failpoint::ExpiryTombstones);
        let doors = self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)?;
        let forget = Operation::ForgetExpiries(settled);
        // Where it fails nothing is lost: the rows turn out to be settled at the next look.
        doors.writer.commit(forget).await?;
        Ok(full && progressed)
    }

    /// Puts on the board how far the sweep is.
    fn tell(&mut self) {
        self.shown = true;
        let members: [(&str, Value); 2] =
            [("type", "expiry".into()), ("changes_done", self.settled.into())];
        let task = Map::from_iter(members.map(|(name, value)| (name.to_owned(), value)));
        task_board::put(&self.names, &self.myself, TASK, task);
    }

    /// Nothing more is due at once.
    fn swept(&mut self) {
        self.settled = 0;
        if std::mem::take(&mut self.shown) {
            task_board::remove(&self.names, TASK);
        }
    }

    /// Writes the tombstones of what is due in a database; the rows that are settled with it.
    async fn expire(
        &mut self,
        id: DatabaseId,
        rows: Vec<ExpiryRow>,
    ) -> Result<Vec<ExpiryRow>, Failure> {
        let Some(name) = self.name_of(id).await? else {
            return Ok(rows);
        };
        let database = match node_service::open(&self.names, &name).await {
            Ok(open) if open.record.id == id => open,
            // Deleted, and perhaps made anew under its name.
            Ok(_) | Err(Failure::NoDatabase) => {
                self.databases.remove(&id);
                return Ok(rows);
            }
            Err(failure) => {
                // One database that cannot be opened does not hold up the others.
                tracing::debug!(database = name, %failure, "a database keeps what is due");
                return Ok(Vec::new());
            }
        };
        let trees = database.trees(rows.iter().map(|row| row.id.clone()).collect()).await?;
        let mut settled = Vec::with_capacity(rows.len());
        let (mut dying, mut tombstones) = (Vec::new(), Vec::new());
        for (row, tree) in rows.into_iter().zip(trees) {
            let leaves = tree.map(|document| document.tree.leaves()).unwrap_or_default();
            let place = BodyPlace::At(row.sequence);
            match leaves.into_iter().find(|leaf| leaf.place == place && !leaf.deleted) {
                Some(leaf) => {
                    tombstones.push(Update {
                        id: row.id.clone(),
                        deleted: true,
                        body: Body::empty(),
                        attachments: Vec::new(),
                        kind: EditKind::Interactive { parent: Some(leaf.revision) },
                    });
                    dying.push(row);
                }
                // Edited, deleted or purged since.
                None => settled.push(row),
            }
        }
        if tombstones.is_empty() {
            return Ok(settled);
        }
        let results = database.store(tombstones).await?;
        self.expired.increment(results.iter().filter(|result| result.is_ok()).count() as u64);
        for (row, result) in dying.into_iter().zip(results) {
            match result {
                // A conflict means that an edit was quicker.
                Ok(_) | Err(UpdateFailure::Conflict) => settled.push(row),
                Err(failure) => {
                    tracing::debug!(database = name, id = row.id, %failure, "not expired yet");
                }
            }
        }
        Ok(settled)
    }

    /// The name of a database; `None` when it is no more.
    async fn name_of(&mut self, id: DatabaseId) -> Result<Option<String>, Failure> {
        if let Some(name) = self.databases.get(&id) {
            return Ok(Some(name.clone()));
        }
        let mut after: Option<String> = None;
        loop {
            let range = DatabaseRange {
                low: after.take().map_or(Bound::Unbounded, Bound::Excluded),
                high: Bound::Unbounded,
                descending: false,
                limit: PAGE_DATABASES,
            };
            let page = with_store(&self.names, move |store| store.databases(&range)).await?;
            let Some(last) = page.last() else {
                return Ok(None);
            };
            after = Some(last.name.clone());
            if let Some(found) = page.into_iter().find(|record| record.id == id) {
                self.databases.insert(id, found.name.clone());
                return Ok(Some(found.name));
            }
        }
    }
}
