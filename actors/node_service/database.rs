//! One open database: what all requests to it share, and the ways to its snapshots and shards. What the HTTP
//! surface and local replication ask of it stands beside (`served.rs`).

mod served;
mod shards;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use refuge_document::USERS;
use refuge_http::{Failure, Security};
use refuge_otp::{Bounded, Names};
use refuge_storage::{DatabaseId, DatabaseRecord, Operation, Outcome, Snapshot};
use tokio::sync::Semaphore;

pub(super) use self::shards::WRITE_DEADLINE;
use super::batched::WAITING_BYTES;
use super::reading::{self, Reading};
use crate::authenticator;
use crate::engine::StorageDoors;
use crate::shard::{self, ShardMessage};
use crate::{names, unavailable};

/// What all requests to one open database share; replaced as a whole when something of it changes.
pub struct OpenDatabase {
    /// The names of this node.
    pub names: Names,
    /// Its record in the storage.
    pub record: DatabaseRecord,
    /// `record.instance` as text.
    pub instance: String,
    /// Its `_security`.
    pub security: Arc<Security>,
    /// What is set for it beside CouchDB's settings.
    pub options: refuge_storage::DatabaseOptions,
    /// The ways to its shards, by number.
    pub shards: Vec<Bounded<ShardMessage>>,
    /// Name of its change feed.
    pub change_feed: String,
    /// Documents read.
    pub reads: metrics::Counter,
    /// Whether it was asked for since the directory looked last.
    pub used: AtomicBool,
    /// Room for edits that nobody waits for, in bytes.
    pub(super) batched: Arc<Semaphore>,
}

impl OpenDatabase {
    /// Gathers what is known of a database at its opening.
    pub fn new(names: Names, record: DatabaseRecord, security: Arc<Security>) -> Self {
        Self {
            instance: crate::hexadecimal(&record.instance),
            shards: (0..record.shards)
                .map(|shard| {
                    let name = names::shard(&record.name, shard);
                    Bounded::named(&names, name, shard::QUEUE_REQUESTS)
                })
                .collect(),
            change_feed: names::change_feed(&record.name),
            reads: metrics::counter!("refuge_document_reads_total", "node" => names.node().to_owned()),
            used: AtomicBool::new(true),
            batched: Arc::new(Semaphore::new(WAITING_BYTES)),
            names,
            record,
            security,
            options: refuge_storage::DatabaseOptions::default(),
        }
    }

    /// The same database with another `_security`.
    #[must_use]
    pub fn with_security(&self, security: Arc<Security>) -> Self {
        Self {
            options: self.options,
            batched: Arc::clone(&self.batched),
            ..Self::new(self.names.clone(), self.record.clone(), security)
        }
    }

    /// The same database with these options.
    #[must_use]
    pub fn with_options(&self, options: refuge_storage::DatabaseOptions) -> Self {
        Self { options, ..self.with_security(Arc::clone(&self.security)) }
    }

    /// Has whoever was let in looked at again, where this is the database of users. What comes in other
    /// ways is told by its change feed, a little later.
    fn tell_of_users(&self) {
        if self.record.name == USERS {
            authenticator::users_changed(&self.names);
        }
    }

    pub(super) fn id(&self) -> DatabaseId {
        self.record.id
    }

    fn doors(&self) -> Result<Arc<StorageDoors>, Failure> {
        self.names.value::<StorageDoors>(names::ENGINE).ok_or_else(unavailable)
    }

    /// Commits one operation that has nothing to tell but that it is done.
    async fn commit(&self, operation: Operation) -> Result<(), Failure> {
        match self.doors()?.writer.commit(operation).await {
            Ok(Outcome::NoSuchDatabase) => Err(Failure::NoDatabase),
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn read<R: Send + 'static>(
        &self,
        reading: Reading,
        job: impl FnOnce(&Snapshot) -> Result<R, refuge_storage::StorageError> + Send + 'static,
    ) -> Result<R, Failure> {
        reading::read(&self.names, reading, job).await
    }
}
