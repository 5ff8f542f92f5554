//! An open database as the HTTP surface and local replication ask it: reads go straight to the storage's snapshots,
//! writes go to the shards by message. What either needs by itself lives in a file of its own.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::{Attachment, BodyPlace, USERS};
use refuge_http::{
    CandidatesQuestion, ChangesPage, ChangesRequest, ConflictsPage, Database, DatabaseOptions,
    DocumentTree, DocumentsPage, DocumentsRequest, Failure, FindQuestion, Findings, FunctionAnswer,
    FunctionCall, FunctionFilter, FunctionRewrite, FunctionUpdate, IdsRequest, IndexInformation,
    Information, ListCall, LocalDocument, LocalsPage, OnDemand, PartitionInformation, PurgeLimits,
    PurgedDocument, PurgesPage, ResumableUploads, Security, StoredBody, StoredDocument, Update,
    UpdateResult, UpdateVerdicts, Upload, UploadOptions, User, View, ViewRequest,
};
use refuge_query::mango::Index;
use refuge_storage::{LocalWrite, Operation, Snapshot};

use super::OpenDatabase;
use crate::change_feed::{self, ChangeFeedMessage};
use crate::database_directory::DatabaseDirectoryMessage;
use crate::maintenance::{self, MaintenanceMessage};
use crate::node_service::reading::{self, Reading};
use crate::node_service::screened::{ScreenedDatabase, reader_functions};
use crate::node_service::seen::SeenDatabase;
use crate::node_service::upload::AttachmentUpload;
use crate::node_service::{
    conflicts, finding, functions, lists, options, partitions, purging, random, report, validation,
    views,
};
use crate::peer_directory::{self, PeerDirectoryMessage};
use crate::{documents_on_demand, names};

#[async_trait]
impl Database for OpenDatabase {
    fn name(&self) -> &str {
        &self.record.name
    }

    fn instance(&self) -> &str {
        &self.instance
    }

    fn security(&self) -> Arc<Security> {
        Arc::clone(&self.security)
    }

    async fn set_security(&self, security: Security) -> Result<(), Failure> {
        let name = self.record.name.clone();
        crate::call(&self.names, names::DATABASE_DIRECTORY, |reply| {
            DatabaseDirectoryMessage::SetSecurity { name, security: Box::new(security), reply }
        })
        .await?
    }

    async fn set_revisions_limit(&self, limit: u32) -> Result<(), Failure> {
        let name = self.record.name.clone();
        crate::call(&self.names, names::DATABASE_DIRECTORY, |reply| {
            DatabaseDirectoryMessage::SetRevisionsLimit { name, limit, reply }
        })
        .await?
    }

    fn is_partitioned(&self) -> bool {
        self.record.partitioned
    }

    fn has_access(&self) -> bool {
        self.record.access
    }

    async fn seen_by(self: Arc<Self>, user: &User) -> Result<Arc<dyn Database>, Failure> {
        if self.security.is_admin(user) {
            return Ok(self);
        }
        let is_asked = reader_functions(&self.names, self.id()).await?;
        let seen: Arc<dyn Database> = match self.record.access {
            true => Arc::new(SeenDatabase::new(Arc::clone(&self), user)),
            false => Arc::clone(&self) as Arc<dyn Database>,
        };
        match is_asked {
            true => Ok(Arc::new(ScreenedDatabase::new(self, seen, user)?)),
            false => Ok(seen),
        }
    }

    async fn partition(&self, partition: &str) -> Result<PartitionInformation, Failure> {
        partitions::information(self, partition).await
    }

    fn shard_of(&self, id: &str) -> u16 {
        u16::try_from(self.shard_number(id)).unwrap_or(0)
    }

    async fn information(&self) -> Result<Information, Failure> {
        let id = self.id();
        let found = reading::with_store(&self.names, move |store| {
            let Some(information) = store.information(id)? else { return Ok(None) };
            let file_bytes = store.file_bytes(&information)?;
            Ok(Some((information, file_bytes)))
        })
        .await?;
        let (information, file_bytes) = found.ok_or(Failure::NoDatabase)?;
        let told = report::information(&self.record, &information, file_bytes);
        let compact_running = maintenance::is_compacting(&self.names, id);
        Ok(Information { compact_running, ..told })
    }

    async fn winner(&self, id: &str) -> Result<Option<StoredDocument>, Failure> {
        self.reads.increment(1);
        let (database, id) = (self.id(), id.to_owned());
        self.read(Reading::Point, move |snapshot| reading::winner(snapshot, database, &id)).await
    }

    async fn trees(&self, ids: Vec<String>) -> Result<Vec<Option<DocumentTree>>, Failure> {
        let database = self.id();
        let reading = if ids.len() > 1 { Reading::Scan } else { Reading::Point };
        self.read(reading, move |snapshot| {
            ids.iter().map(|id| reading::tree(snapshot, database, id)).collect()
        })
        .await
    }

    async fn bodies(&self, places: Vec<BodyPlace>) -> Result<Vec<Option<StoredBody>>, Failure> {
        let database = self.id();
        self.reads.increment(places.len() as u64);
        let reading = if places.len() > 1 { Reading::Scan } else { Reading::Point };
        self.read(reading, move |snapshot| {
            places.iter().map(|&place| reading::body(snapshot, database, place)).collect()
        })
        .await
    }

    async fn validate(
        &self,
        user: &User,
        updates: &mut [Update],
    ) -> Result<Option<UpdateVerdicts>, Failure> {
        validation::validate(self, user, updates).await
    }

    async fn validate_as_new(
        &self,
        user: &User,
        updates: &[Update],
    ) -> Result<UpdateVerdicts, Failure> {
        validation::validate_as_new(self, user, updates).await
    }

    async fn update(&self, updates: Vec<Update>) -> Result<Vec<UpdateResult>, Failure> {
        if self.record.name == peer_directory::DATABASE {
            return crate::call(&self.names, names::PEER_DIRECTORY, |reply| {
                PeerDirectoryMessage::Update { updates, reply }
            })
            .await?;
        }
        let results = self.store(updates).await;
        self.tell_of_users();
        results
    }

    async fn update_later(&self, updates: Vec<Update>) -> Result<(), Failure> {
        if [peer_directory::DATABASE, USERS].contains(&self.record.name.as_str()) {
            return self.update(updates).await.map(drop);
        }
        self.store_later(updates, None).await
    }

    async fn settle(&self) -> Result<(), Failure> {
        self.settle_shards().await
    }

    async fn random_document(&self) -> Result<Option<String>, Failure> {
        random::pick(self).await
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, Failure> {
        let database = self.id();
        self.read(Reading::Scan, move |snapshot| reading::changes(snapshot, database, request))
            .await
    }

    async fn pending(&self, after: u64) -> Result<u64, Failure> {
        crate::call(&self.names, &self.change_feed, |reply| ChangeFeedMessage::Pending {
            after,
            reply,
        })
        .await
    }

    async fn beyond(&self, sequence: u64) -> Result<u64, Failure> {
        change_feed::beyond(self, sequence).await
    }

    async fn documents(&self, request: DocumentsRequest) -> Result<DocumentsPage, Failure> {
        let database = self.id();
        self.read(Reading::Scan, move |snapshot| reading::documents(snapshot, database, &request))
            .await
    }

    async fn conflicts(&self, request: IdsRequest) -> Result<ConflictsPage, Failure> {
        conflicts::page(self, request).await
    }

    fn options(&self) -> DatabaseOptions {
        options::shown(self.options)
    }

    async fn on_demand(&self) -> Result<OnDemand, Failure> {
        Ok(documents_on_demand::setting(&self.names, &self.instance).unwrap_or_default())
    }

    async fn set_on_demand(&self, wish: OnDemand) -> Result<(), Failure> {
        documents_on_demand::set(&self.names, (&self.record.name, &self.instance), wish).await
    }

    async fn bring(&self, user: &User, id: &str, request: Option<String>) -> Result<bool, Failure> {
        documents_on_demand::bring(&self.names, &self.instance, (id, request), user).await
    }

    async fn set_options(&self, options: DatabaseOptions) -> Result<(), Failure> {
        let (name, options) = (self.record.name.clone(), options::stored(options));
        crate::call(&self.names, names::DATABASE_DIRECTORY, |reply| {
            DatabaseDirectoryMessage::SetOptions { name, options, reply }
        })
        .await?
    }

    fn purge_limits(&self) -> PurgeLimits {
        purging::limits(&self.names)
    }

    async fn purge(&self, documents: Vec<PurgedDocument>) -> Result<Vec<PurgedDocument>, Failure> {
        let purged = purging::purge(self, documents, None).await;
        self.tell_of_users();
        purged
    }

    async fn purges(&self, after: u64, limit: usize) -> Result<PurgesPage, Failure> {
        purging::page(self, after, limit).await
    }

    async fn purge_records_limit(&self) -> Result<u32, Failure> {
        let database = self.id();
        let job = move |snapshot: &Snapshot| Ok(snapshot.purge_state(database)?.records_limit);
        self.read(Reading::Point, job).await
    }

    async fn set_purge_records_limit(&self, limit: u32) -> Result<(), Failure> {
        let operation = Operation::SetPurgeRecordsLimit { database: self.id(), limit };
        self.commit(operation).await
    }

    async fn local(&self, id: &str) -> Result<Option<LocalDocument>, Failure> {
        let (database, id) = (self.id(), id.to_owned());
        self.read(Reading::Point, move |snapshot| reading::local(snapshot, database, &id)).await
    }

    async fn locals(&self, request: IdsRequest) -> Result<LocalsPage, Failure> {
        let database = self.id();
        self.read(Reading::Scan, move |snapshot| reading::locals(snapshot, database, &request))
            .await
    }

    async fn write_local(&self, id: &str, document: Option<LocalDocument>) -> Result<(), Failure> {
        let value = document.map(|document| reading::encode_local(&document));
        let write = LocalWrite { id: id.to_owned(), value };
        let operation = Operation::Locals { database: self.id(), writes: vec![write] };
        self.commit(operation).await
    }

    async fn view(&self, request: ViewRequest) -> Result<Arc<dyn View>, Failure> {
        views::view(self, request).await
    }

    async fn index_information(&self, design: &str) -> Result<IndexInformation, Failure> {
        views::information(self, design).await
    }

    async fn find_indexes(&self) -> Result<Vec<Index>, Failure> {
        finding::indexes(self).await
    }

    async fn find(&self, question: FindQuestion) -> Result<Arc<dyn Findings>, Failure> {
        finding::find(self, question, None).await
    }

    async fn candidates(
        &self,
        question: CandidatesQuestion,
    ) -> Result<Option<Vec<String>>, Failure> {
        Ok(finding::candidates(self, question).await)
    }

    async fn clean_views(&self) -> Result<(), Failure> {
        views::clean(self).await
    }

    async fn filter(
        &self,
        filter: &FunctionFilter,
        documents: Arc<Vec<String>>,
    ) -> Result<Vec<bool>, Failure> {
        functions::filter(self, filter, documents).await
    }

    async fn show(&self, call: FunctionCall) -> Result<FunctionAnswer, Failure> {
        functions::show(self, call).await
    }

    async fn make_update(&self, call: FunctionCall) -> Result<FunctionUpdate, Failure> {
        functions::make_update(self, call).await
    }

    async fn list(&self, call: ListCall) -> Result<(), Failure> {
        lists::list(self, call).await
    }

    async fn rewrite(
        &self,
        design: &str,
        request: String,
    ) -> Result<Option<FunctionRewrite>, Failure> {
        functions::rewrite(self, design, request).await
    }

    async fn compact(&self) -> Result<(), Failure> {
        let (database, name) = (self.id(), self.record.name.clone());
        crate::call(&self.names, names::MAINTENANCE, |reply| MaintenanceMessage::Compact {
            database,
            name,
            reply,
        })
        .await
    }

    async fn upload(&self, options: UploadOptions) -> Result<Box<dyn Upload>, Failure> {
        Ok(Box::new(AttachmentUpload::new(self.names.clone(), self.id(), options)))
    }

    fn resumable_uploads(&self) -> Result<&dyn ResumableUploads, Failure> {
        Ok(self)
    }

    async fn attachment_chunk(
        &self,
        attachment: &Attachment,
        number: u32,
    ) -> Result<Option<Bytes>, Failure> {
        let (database, content) = (self.id(), attachment.content);
        self.read(Reading::Point, move |snapshot| match snapshot.content(database, &content)? {
            Some(record) if number < record.chunks => {
                snapshot.chunk(database, &record.upload, number)
            }
            _ => Ok(None),
        })
        .await
    }
}
