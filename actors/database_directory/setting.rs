//! What is set for a database: stored, and in force at once, whether it is open, closed or just being opened.

use std::sync::Arc;

use refuge_http::{Failure, Security};
use refuge_otp::DynamicSupervisor;
use refuge_storage::{DatabaseId, DatabaseOptions, Operation, Outcome};

use super::DatabaseDirectoryState;
use crate::node_service::OpenDatabase;
use crate::shard::ShardMessage;
use crate::tombstones::TombstonesMessage;
use crate::{names, unavailable};

impl DatabaseDirectoryState {
    pub(super) async fn set_options(
        &mut self,
        name: &str,
        options: DatabaseOptions,
    ) -> Result<(), Failure> {
        let set = |database| Operation::SetOptions { database, options };
        let open = self.set(name, set).await?;
        if self.open.contains_key(name) {
            self.publish(Arc::new(open.with_options(options)));
        }
        if let Some(tombstones) = self.names().lookup::<TombstonesMessage>(names::TOMBSTONES) {
            let _ = tombstones.cast(TombstonesMessage::OptionsChanged);
        }
        Ok(())
    }

    pub(super) async fn set_security(
        &mut self,
        name: &str,
        security: Security,
    ) -> Result<(), Failure> {
        let json =
            serde_json::to_vec(&security).map_err(|error| Failure::Internal(error.to_string()))?;
        let set = |database| Operation::SetSecurity { database, json };
        let open = self.set(name, set).await?;
        if self.open.contains_key(name) {
            self.publish(Arc::new(open.with_security(Arc::new(security))));
        }
        Ok(())
    }

    pub(super) async fn set_revisions_limit(
        &mut self,
        name: &str,
        limit: u32,
    ) -> Result<(), Failure> {
        let set = |database| Operation::SetRevisionsLimit { database, limit };
        let open = self.set(name, set).await?;
        // A shard that is being restarted reads the limit from the storage.
        for number in 0..open.record.shards {
            if let Some(shard) =
                self.names().lookup::<ShardMessage>(&names::shard(&open.record.name, number))
            {
                let _ = shard.cast(ShardMessage::RevisionsLimit(limit));
            }
        }
        Ok(())
    }

    /// Stores what is set for a database; the database as it was before.
    async fn set(
        &mut self,
        name: &str,
        operation: impl FnOnce(DatabaseId) -> Operation,
    ) -> Result<Arc<OpenDatabase>, Failure> {
        let open = match self.open.get(name) {
            Some(open) => Arc::clone(open),
            None => Arc::new(self.load(name).await?),
        };
        if matches!(self.commit(operation(open.record.id)).await?, Outcome::NoSuchDatabase) {
            return Err(Failure::NoDatabase);
        }
        self.overtake(name);
        Ok(open)
    }

    /// Notes that what is stored of a database has changed, for whoever is just opening it.
    pub(super) fn overtake(&mut self, name: &str) {
        if self.opening.contains_key(name) {
            self.overtaken.insert(name.to_owned());
        }
    }

    /// A database that was set or deleted while it was being opened is not what was read before that: it is
    /// read again, and what is no longer the same database is ended.
    pub(super) async fn read_again(
        &self,
        opened: Box<OpenDatabase>,
    ) -> Result<Box<OpenDatabase>, Failure> {
        let name = &opened.record.name;
        let failure = match self.load(name).await {
            Ok(now) if now.record.id == opened.record.id => return Ok(Box::new(now)),
            Ok(_) => unavailable(),
            Err(failure) => failure,
        };
        let supervisor = DynamicSupervisor::new(self.names(), names::OPEN_DATABASES);
        let _ = supervisor.stop_child(&names::database(name)).await;
        Err(failure)
    }
}
