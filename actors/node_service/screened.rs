//! A database as somebody sees it who is no admin, where design documents have `validate_doc_read`: the
//! implementation of `refuge_http`'s trait over what this user sees otherwise, without the documents that one of
//! the functions hides. Everything that is asked on behalf of such a user is asked here, over HTTP and by
//! replications; what is not let through here is refused. Nothing is known beforehand of who may read what: the
//! functions are asked about each document that would be told of.

mod asking;
mod finding;
mod looked;
mod pages;
mod patience;
mod writing;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use refuge_document::{Attachment, BodyPlace};
use refuge_http::{
    CandidatesQuestion, ChangesPage, ChangesRequest, ConflictsPage, Database, DatabaseOptions,
    DocumentTree, DocumentsPage, DocumentsRequest, Failure, FindQuestion, Findings, FunctionAnswer,
    FunctionCall, FunctionFilter, FunctionRewrite, FunctionUpdate, IdsRequest, IndexInformation,
    Information, ListCall, LocalDocument, LocalsPage, OnDemand, PartitionInformation, PurgeLimits,
    PurgedDocument, PurgesPage, ResumableUploads, Security, StoredBody, StoredDocument, Update,
    UpdateResult, UpdateVerdicts, Upload, UploadOptions, User, View, ViewRequest,
};
use refuge_otp::Names;
use refuge_query::mango::Index;
use refuge_storage::DatabaseId;

use super::database::OpenDatabase;
use super::reading::with_store;
use super::seen::locals;
use super::seen::views::{SeenView, Sight};
use crate::designs::DesignReader;
use crate::{names, published};
use asking::{Asked, Screen};
use looked::Looked;
use patience::Time;

/// Why counts are not told.
const COUNTED: &str = "A count tells of documents that are hidden from you.";

/// Whether design documents of a database are asked who may read its documents.
pub(super) async fn reader_functions(names: &Names, database: DatabaseId) -> Result<bool, Failure> {
    let reader = published::<DesignReader>(names, names::DESIGNS).await?;
    Ok(!reader.readings(database).await?.0.is_empty())
}

/// Whether somebody who may come to a database may not see all of its documents.
pub(super) async fn hides_documents(names: &Names, name: &str) -> Result<bool, Failure> {
    let wanted = name.to_owned();
    match with_store(names, move |store| store.database(&wanted)).await? {
        None => Ok(false),
        Some(record) if record.access => Ok(true),
        Some(record) => reader_functions(names, record.id).await,
    }
}

/// The database as one user sees it. It is made for each request.
pub(super) struct ScreenedDatabase {
    open: Arc<OpenDatabase>,
    /// What the user would see if there were no functions.
    seen: Arc<dyn Database>,
    user: User,
    screen: Arc<Screen>,
    looked: Looked,
}

fn for_admins<T>() -> Result<T, Failure> {
    Err(Failure::Forbidden("You are not a db or server admin.".to_owned()))
}

impl ScreenedDatabase {
    pub(super) fn new(
        open: Arc<OpenDatabase>,
        seen: Arc<dyn Database>,
        user: &User,
    ) -> Result<Self, Failure> {
        let screen = Arc::new(Screen::new(Arc::clone(&open), user)?);
        Ok(Self { open, seen, user: user.clone(), screen, looked: Looked::default() })
    }
}

#[async_trait]
impl Database for ScreenedDatabase {
    fn name(&self) -> &str {
        self.seen.name()
    }

    fn instance(&self) -> &str {
        self.seen.instance()
    }

    fn security(&self) -> Arc<Security> {
        self.seen.security()
    }

    async fn set_security(&self, _security: Security) -> Result<(), Failure> {
        for_admins()
    }

    fn options(&self) -> DatabaseOptions {
        self.seen.options()
    }

    async fn on_demand(&self) -> Result<OnDemand, Failure> {
        self.seen.on_demand().await
    }

    async fn set_options(&self, _options: DatabaseOptions) -> Result<(), Failure> {
        for_admins()
    }

    async fn set_revisions_limit(&self, _limit: u32) -> Result<(), Failure> {
        for_admins()
    }

    fn is_partitioned(&self) -> bool {
        self.seen.is_partitioned()
    }

    fn has_access(&self) -> bool {
        self.seen.has_access()
    }

    async fn seen_by(self: Arc<Self>, user: &User) -> Result<Arc<dyn Database>, Failure> {
        let functions = || reader_functions(&self.open.names, self.open.record.id);
        match self.user == *user && functions().await? {
            true => Ok(self),
            false => Arc::clone(&self.open).seen_by(user).await,
        }
    }

    fn is_partial(&self) -> bool {
        true
    }

    async fn partition(&self, _partition: &str) -> Result<PartitionInformation, Failure> {
        Err(Failure::Forbidden(COUNTED.to_owned()))
    }

    fn shard_of(&self, id: &str) -> u16 {
        self.seen.shard_of(id)
    }

    async fn information(&self) -> Result<Information, Failure> {
        self.outline().await
    }

    /// The update sequence is the database's: a feed has to come past what it does not show.
    async fn outline(&self) -> Result<Information, Failure> {
        let whole = self.seen.outline().await?;
        Ok(Information {
            documents: 0,
            deleted_documents: 0,
            uncounted: true,
            file_bytes: 0,
            active_bytes: 0,
            external_bytes: 0,
            compact_running: false,
            purge_sequence: 0,
            ..whole
        })
    }

    async fn winner(&self, id: &str) -> Result<Option<StoredDocument>, Failure> {
        let Some(found) = self.seen.winner(id).await? else { return Ok(None) };
        let asked = Asked::of(id, &found.leaf, found.content.clone());
        let admitted = self.screen.admits(vec![asked]).await?;
        Ok(admitted.first().is_some_and(|admitted| *admitted).then_some(found))
    }

    async fn trees(&self, ids: Vec<String>) -> Result<Vec<Option<DocumentTree>>, Failure> {
        pages::trees(self, ids, Time::ForAll).await
    }

    /// Places come from trees and rows that hold none which are hidden.
    async fn bodies(&self, places: Vec<BodyPlace>) -> Result<Vec<Option<StoredBody>>, Failure> {
        self.seen.bodies(places).await
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
        self.seen.validate_as_new(user, updates).await
    }

    async fn update(&self, updates: Vec<Update>) -> Result<Vec<UpdateResult>, Failure> {
        self.seen.update(updates).await
    }

    async fn update_later(&self, updates: Vec<Update>) -> Result<(), Failure> {
        self.seen.update_later(updates).await
    }

    async fn settle(&self) -> Result<(), Failure> {
        self.seen.settle().await
    }

    async fn random_document(&self) -> Result<Option<String>, Failure> {
        pages::random_document(self).await
    }

    async fn changes(&self, request: ChangesRequest) -> Result<ChangesPage, Failure> {
        pages::changes(self, request).await
    }

    /// Only a walk over all that is left could tell; feeds tell `null`.
    async fn pending(&self, _after: u64) -> Result<u64, Failure> {
        Err(Failure::Forbidden(COUNTED.to_owned()))
    }

    /// What is hidden wakes nobody.
    async fn beyond(&self, sequence: u64) -> Result<u64, Failure> {
        let mut after = self.looked.behind(sequence);
        loop {
            let until = self.seen.beyond(after).await?;
            if pages::any_change(self, (after, until)).await? {
                return Ok(until);
            }
            self.looked.remember(after, until);
            after = until;
        }
    }

    async fn documents(&self, request: DocumentsRequest) -> Result<DocumentsPage, Failure> {
        pages::documents(self, request).await
    }

    async fn conflicts(&self, request: IdsRequest) -> Result<ConflictsPage, Failure> {
        pages::conflicts(self, request).await
    }

    fn purge_limits(&self) -> PurgeLimits {
        self.seen.purge_limits()
    }

    async fn purge(&self, _documents: Vec<PurgedDocument>) -> Result<Vec<PurgedDocument>, Failure> {
        for_admins()
    }

    async fn purges(&self, _after: u64, _limit: usize) -> Result<PurgesPage, Failure> {
        for_admins()
    }

    async fn purge_records_limit(&self) -> Result<u32, Failure> {
        self.seen.purge_records_limit().await
    }

    async fn set_purge_records_limit(&self, _limit: u32) -> Result<(), Failure> {
        for_admins()
    }

    /// Local documents are the user's own in any case: checkpoints of others tell what those were shown.
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
        let view = self.seen.view(request).await?;
        let (seen, screen) = (Arc::clone(&self.seen), Arc::clone(&self.screen));
        let update_sequence = view.update_sequence();
        Ok(Arc::new(SeenView { view, sight: Screened { seen, screen }, update_sequence }))
    }

    async fn index_information(&self, design: &str) -> Result<IndexInformation, Failure> {
        let known = self.seen.index_information(design).await?;
        Ok(IndexInformation {
            signature: known.signature,
            language: known.language,
            collation: known.collation,
            update_sequence: known.update_sequence,
            ..IndexInformation::default()
        })
    }

    async fn clean_views(&self) -> Result<(), Failure> {
        self.seen.clean_views().await
    }

    async fn find_indexes(&self) -> Result<Vec<Index>, Failure> {
        self.seen.find_indexes().await
    }

    async fn find(&self, question: FindQuestion) -> Result<Arc<dyn Findings>, Failure> {
        finding::find(self, question).await
    }

    /// A walk asks about what passes alone; candidates would have to be asked about all the same.
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
        self.seen.filter(filter, documents).await
    }

    async fn show(&self, call: FunctionCall) -> Result<FunctionAnswer, Failure> {
        self.seen.show(call).await
    }

    async fn make_update(&self, call: FunctionCall) -> Result<FunctionUpdate, Failure> {
        self.seen.make_update(call).await
    }

    async fn list(&self, call: ListCall) -> Result<(), Failure> {
        self.seen.list(call).await
    }

    async fn rewrite(
        &self,
        design: &str,
        request: String,
    ) -> Result<Option<FunctionRewrite>, Failure> {
        self.seen.rewrite(design, request).await
    }

    async fn compact(&self) -> Result<(), Failure> {
        for_admins()
    }

    async fn upload(&self, options: UploadOptions) -> Result<Box<dyn Upload>, Failure> {
        self.seen.upload(options).await
    }

    fn resumable_uploads(&self) -> Result<&dyn ResumableUploads, Failure> {
        self.seen.resumable_uploads()
    }

    /// Descriptions of attachments come from bodies that are seen.
    async fn attachment_chunk(
        &self,
        attachment: &Attachment,
        number: u32,
    ) -> Result<Option<Bytes>, Failure> {
        self.seen.attachment_chunk(attachment, number).await
    }
}

/// Who looks at the rows of a view.
struct Screened {
    seen: Arc<dyn Database>,
    screen: Arc<Screen>,
}

#[async_trait]
impl Sight for Screened {
    async fn seen(&self, ids: Vec<String>, indexed: u64) -> Result<Vec<bool>, Failure> {
        let mut seen = vec![false; ids.len()];
        let trees = self.seen.trees(ids.clone()).await?;
        let (mut asked, mut places) = (Vec::with_capacity(ids.len()), Vec::new());
        for (place, (id, tree)) in ids.into_iter().zip(trees).enumerate() {
            let tree = tree.filter(|tree| tree.sequence <= indexed);
            if let Some(winner) = tree.and_then(|tree| tree.tree.winner()) {
                asked.push(Asked::of(&id, &winner, None));
                places.push(place);
            }
        }
        let admitted = self.screen.admits_first(asked).await?;
        if let Some(first) = places.get(admitted.len()) {
            seen.truncate(*first);
        }
        for (place, admitted) in places.into_iter().zip(admitted) {
            if let Some(seen) = seen.get_mut(place) {
                *seen = admitted;
            }
        }
        Ok(seen)
    }
}
