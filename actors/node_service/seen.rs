//! A database as somebody sees it who is no admin, where documents say who may read them (`_access`): the
//! implementation of `refuge_http`'s trait over the open database, without what is hidden. Everything that
//! is asked on behalf of such a user is asked here, over HTTP and by replications; what is not let through
//! here is refused. Who may read what was noted with each write, in the storage's indexes by reader.

pub(super) mod locals;
pub(super) mod pages;
pub(super) mod views;
pub(super) mod writing;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::{Attachment, BodyPlace, partition_bounds};
use refuge_http::{
    CandidatesQuestion, ChangesPage, ChangesRequest, ConflictsPage, Database, DatabaseOptions,
    DocumentTree, DocumentsPage, DocumentsRequest, Failure, FindQuestion, Findings, FunctionAnswer,
    FunctionCall, FunctionFilter, FunctionRewrite, FunctionUpdate, IdsRequest, IndexInformation,
    Information, ListCall, LocalDocument, LocalsPage, OnDemand, PartitionInformation, PurgeLimits,
    PurgedDocument, PurgesPage, ResumableUploads, Security, StoredBody, StoredDocument, Update,
    UpdateResult, UpdateVerdicts, Upload, UploadOptions, User, View, ViewRequest,
};
use refuge_query::mango::Index;
use refuge_storage::{DocumentRange, EVERYBODY, Snapshot, StorageError};

use super::database::OpenDatabase;
use super::finding;
use super::reading::Reading;
use super::screened::reader_functions;
use super::views as node_views;
use crate::shard::readers::Principals;
use pages::Counted;
pub(crate) use pages::Seen;

/// The database as one user sees it. It is made for each request.
pub(super) struct SeenDatabase {
    open: Arc<OpenDatabase>,
    user: User,
    /// The user's name and roles, and what stands for all members.
    principals: Principals,
    /// What was counted last, with the database's sequence then: a walk over all that the user may see.
    counted: Mutex<Option<(u64, Counted)>>,
}

fn for_admins<T>() -> Result<T, Failure> {
    Err(Failure::Forbidden("You are not a db or server admin.".to_owned()))
}

impl SeenDatabase {
    pub(super) fn new(open: Arc<OpenDatabase>, user: &User) -> Self {
        let mut principals: Vec<String> =
            user.name.iter().chain(&user.roles).filter(|one| !one.is_empty()).cloned().collect();
        principals.push(EVERYBODY.to_owned());
        principals.sort_unstable();
        principals.dedup();
        Self { open, user: user.clone(), principals: principals.into(), counted: Mutex::default() }
    }

    /// Runs a job on what the user sees of one moment.
    async fn look<R: Send + 'static>(
        &self,
        reading: Reading,
        job: impl FnOnce(Seen<'_>) -> Result<R, StorageError> + Send + 'static,
    ) -> Result<R, Failure> {
        let (database, principals) = (self.open.record.id, Arc::clone(&self.principals));
        let job =
            move |snapshot: &Snapshot| job(Seen { snapshot, database, principals: &principals });
        self.open.read(reading, job).await
    }

    /// How many documents the user sees.
    async fn count(&self) -> Result<Counted, Failure> {
        let known = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let (sequence, counted) = self
            .look(Reading::Scan, move |seen| {
                let sequence = seen.snapshot.update_sequence(seen.database)?;
                match known {
                    Some((at, counted)) if at == sequence => Ok((sequence, counted)),
                    _ => Ok((sequence, seen.count(&DocumentRange::default())?)),
                }
            })
            .await?;
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner) = Some((sequence, counted));
        Ok(counted)
    }

    /// The database's sequence, and that of the last row in the user's feed.
    async fn sequences(&self) -> Result<(u64, u64), Failure> {
        self.look(Reading::Point, |seen| {
            let own = seen.snapshot.last_reader_change(seen.database, seen.principals)?;
            Ok((seen.snapshot.update_sequence(seen.database)?, own))
        })
        .await
    }
}

#[async_trait]
impl Database for SeenDatabase {
    fn name(&self) -> &str {
        self.open.name()
    }

    fn instance(&self) -> &str {
        self.open.instance()
    }

    fn security(&self) -> Arc<Security> {
        self.open.security()
    }

    async fn set_security(&self, _security: Security) -> Result<(), Failure> {
        for_admins()
    }

    fn options(&self) -> DatabaseOptions {
        self.open.options()
    }

    async fn on_demand(&self) -> Result<OnDemand, Failure> {
        self.open.on_demand().await
    }

    async fn set_on_demand(&self, _wish: OnDemand) -> Result<(), Failure> {
        for_admins()
    }

    async fn bring(&self, user: &User, id: &str, request: Option<String>) -> Result<bool, Failure> {
        self.open.bring(user, id, request).await
    }

    async fn set_options(&self, _options: DatabaseOptions) -> Result<(), Failure> {
        for_admins()
    }

    async fn set_revisions_limit(&self, _limit: u32) -> Result<(), Failure> {
        for_admins()
    }

    fn is_partitioned(&self) -> bool {
        self.open.is_partitioned()
    }

    fn has_access(&self) -> bool {
        true
    }

    async fn seen_by(self: Arc<Self>, user: &User) -> Result<Arc<dyn Database>, Failure> {
        let functions = || reader_functions(&self.open.names, self.open.record.id);
        match self.user == *user && !functions().await? {
            true => Ok(self),
            false => Arc::clone(&self.open).seen_by(user).await,
        }
    }

    fn is_partial(&self) -> bool {
        true
    }

    /// Sizes tell of hidden documents, and are left out.
    async fn partition(&self, partition: &str) -> Result<PartitionInformation, Failure> {
        let (from, to) = partition_bounds(partition);
        let range = DocumentRange {
            start: Some(from),
            end: Some(to),
            end_inclusive: false,
            ..DocumentRange::default()
        };
        let counted = self.look(Reading::Scan, move |seen| seen.count(&range)).await?;
        Ok(PartitionInformation {
            documents: counted.documents,
            deleted_documents: counted.deleted,
            ..PartitionInformation::default()
        })
    }

    fn shard_of(&self, id: &str) -> u16 {
        self.open.shard_of(id)
    }

    /// The sequence is that of the last row which the user sees; sizes and purges tell of others' documents,
    /// and are left out.
    async fn information(&self) -> Result<Information, Failure> {
        let Counted { documents, deleted } = self.count().await?;
        let outline = self.outline().await?;
        Ok(Information { documents, deleted_documents: deleted, ..outline })
    }

    async fn outline(&self) -> Result<Information, Failure> {
        let whole = self.open.information().await?;
        let (_, update_sequence) = self.sequences().await?;
        Ok(Information {
            update_sequence,
            documents: 0,
            deleted_documents: 0,
            file_bytes: 0,
            active_bytes: 0,
            external_bytes: 0,
            compact_running: false,
            purge_sequence: 0,
            ..whole
        })
    }

    async fn winner(&self, id: &str) -> Result<Option<StoredDocument>, Failure> {
        self.open.reads.increment(1);
        let id = id.to_owned();
        self.look(Reading::Point, move |seen| seen.winner(&id)).await
    }

    async fn trees(&self, ids: Vec<String>) -> Result<Vec<Option<DocumentTree>>, Failure> {
        let reading = if ids.len() > 1 { Reading::Scan } else { Reading::Point };
        self.look(reading, move |seen| ids.iter().map(|id| seen.tree(id)).collect()).await
    }

    /// Places come from trees and rows that hold none which are hidden.
    async fn bodies(&self, places: Vec<BodyPlace>) -> Result<Vec<Option<StoredBody>>, Failure> {
        self.open.bodies(places).await
    }

    async fn validate(
        &self,
        user: &User,
        updates: &mut [Update],
    ) -> Result<Option<UpdateVerdicts>, Failure> {
        writing::validate(self, user, updates).await
    }

    async fn validate_as_new(
        &self,
        user: &User,
        updates: &[Update],
    ) -> Result<UpdateVerdicts, Failure> {
        writing::validate_as_new(self, user, updates).await
    }

    async fn update(&self, updates: Vec<Update>) -> Result<Vec<UpdateResult>, Failure> {
        self.open.store_as(updates, Some(Arc::clone(&self.principals))).await
    }

    async fn update_later(&self, updates: Vec<Update>) -> Result<(), Failure> {
        self.open.store_later(updates, Some(Arc::clone(&self.principals))).await
    }

    async fn settle(&self) -> Result<(), Failure> {
        self.open.settle().await
    }

    async fn random_document(&self) -> Result<Option<String>, Failure> {
        self.look(Reading::Scan, |seen| seen.random_document()).await
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, Failure> {
        self.look(Reading::Scan, move |seen| seen.changes(request)).await
    }

    async fn pending(&self, after: u64) -> Result<u64, Failure> {
        self.look(Reading::Scan, move |seen| seen.pending(after)).await
    }

    /// What others write wakes nobody who cannot see it.
    async fn beyond(&self, sequence: u64) -> Result<u64, Failure> {
        loop {
            let (whole, own) = self.sequences().await?;
            if own > sequence {
                return Ok(own);
            }
            self.open.beyond(whole).await?;
        }
    }

    async fn documents(&self, request: DocumentsRequest) -> Result<DocumentsPage, Failure> {
        // Of the first page, where there are several: each would count all anew while others write.
        let known = *self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let total = match known {
            Some((_, counted)) => counted.documents,
            None => self.count().await?.documents,
        };
        self.look(Reading::Scan, move |seen| seen.documents(&request, total)).await
    }

    async fn conflicts(&self, request: IdsRequest) -> Result<ConflictsPage, Failure> {
        // All of them are looked at, which are few; how many there are is not told.
        let all = IdsRequest { skip: 0, limit: pages::CONFLICTS, ..request.clone() };
        let page = self.open.conflicts(all).await?;
        self.look(Reading::Scan, move |seen| pages::conflicts(&request, page, |id| seen.tree(id)))
            .await
    }

    fn purge_limits(&self) -> PurgeLimits {
        self.open.purge_limits()
    }

    async fn purge(&self, _documents: Vec<PurgedDocument>) -> Result<Vec<PurgedDocument>, Failure> {
        for_admins()
    }

    async fn purges(&self, _after: u64, _limit: usize) -> Result<PurgesPage, Failure> {
        for_admins()
    }

    async fn purge_records_limit(&self) -> Result<u32, Failure> {
        self.open.purge_records_limit().await
    }

    async fn set_purge_records_limit(&self, _limit: u32) -> Result<(), Failure> {
        for_admins()
    }

    async fn local(&self, id: &str) -> Result<Option<LocalDocument>, Failure> {
        self.open.local(&locals::own(&self.user, id)).await
    }

    async fn locals(&self, request: IdsRequest) -> Result<LocalsPage, Failure> {
        let page = self.open.locals(locals::own_range(&self.user, request)).await?;
        Ok(locals::without_owner(&self.user, page))
    }

    async fn write_local(&self, id: &str, document: Option<LocalDocument>) -> Result<(), Failure> {
        self.open.write_local(&locals::own(&self.user, id), document).await
    }

    async fn view(&self, request: ViewRequest) -> Result<Arc<dyn View>, Failure> {
        let (_, update_sequence) = self.sequences().await?;
        let own = (&self.principals, update_sequence);
        if let Some(view) = node_views::view_of_reader(&self.open, &request, own).await? {
            return Ok(view);
        }
        let view = self.open.view(request).await?;
        let update_sequence = view.update_sequence().min(update_sequence);
        let (open, principals) = (Arc::clone(&self.open), Arc::clone(&self.principals));
        let sight = views::Reader { open, principals };
        Ok(Arc::new(views::SeenView { view, sight, update_sequence }))
    }

    async fn index_information(&self, design: &str) -> Result<IndexInformation, Failure> {
        let known = self.open.index_information(design).await?;
        let (_, update_sequence) = self.sequences().await?;
        Ok(IndexInformation {
            signature: known.signature,
            language: known.language,
            collation: known.collation,
            update_sequence: known.update_sequence.min(update_sequence),
            ..IndexInformation::default()
        })
    }

    async fn clean_views(&self) -> Result<(), Failure> {
        self.open.clean_views().await
    }

    async fn find_indexes(&self) -> Result<Vec<Index>, Failure> {
        self.open.find_indexes().await
    }

    /// Never with an index that is behind: a row's key, which a bookmark holds, may be of a former revision,
    /// which admitted others.
    async fn find(&self, mut question: FindQuestion) -> Result<Arc<dyn Findings>, Failure> {
        let find = Arc::make_mut(&mut question.find);
        (find.update, find.stale) = (true, false);
        finding::find(&self.open, question, Some(Arc::clone(&self.principals))).await
    }

    /// A walk over what the user sees costs what that is.
    async fn candidates(
        &self,
        _question: CandidatesQuestion,
    ) -> Result<Option<Vec<String>>, Failure> {
        Ok(None)
    }

    async fn filter(
        &self,
        filter: &FunctionFilter,
        documents: Arc<Vec<String>>,
    ) -> Result<Vec<bool>, Failure> {
        self.open.filter(filter, documents).await
    }

    async fn show(&self, call: FunctionCall) -> Result<FunctionAnswer, Failure> {
        self.open.show(call).await
    }

    async fn make_update(&self, call: FunctionCall) -> Result<FunctionUpdate, Failure> {
        self.open.make_update(call).await
    }

    async fn list(&self, call: ListCall) -> Result<(), Failure> {
        self.open.list(call).await
    }

    async fn rewrite(
        &self,
        design: &str,
        request: String,
    ) -> Result<Option<FunctionRewrite>, Failure> {
        self.open.rewrite(design, request).await
    }

    async fn compact(&self) -> Result<(), Failure> {
        for_admins()
    }

    async fn upload(&self, options: UploadOptions) -> Result<Box<dyn Upload>, Failure> {
        self.open.upload(options).await
    }

    fn resumable_uploads(&self) -> Result<&dyn ResumableUploads, Failure> {
        self.open.resumable_uploads()
    }

    /// Descriptions of attachments come from bodies that are seen.
    async fn attachment_chunk(
        &self,
        attachment: &Attachment,
        number: u32,
    ) -> Result<Option<Bytes>, Failure> {
        self.open.attachment_chunk(attachment, number).await
    }
}
