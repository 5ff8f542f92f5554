//! The door to the design documents: read from the storage, parsed once a revision.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use refuge_document::{Leaf, Rendering, render_document};
use refuge_http::{Failure, StoredDocument};
use refuge_otp::Names;
use refuge_storage::{DatabaseId, DatabaseRecord, DocumentRange, Snapshot, StorageError};

use super::limits::MetLimits;
use super::validations::Validations;
use super::validator::Validator;
use crate::index_design::IndexDesign;
use crate::javascript::{DesignText, SourceKey};
use crate::node_service::{Reading, read, winner};

/// Parsed design documents that are kept. Large ones are a few hundred KiB.
const KEPT: usize = 256;

/// Which version of which design document.
type Key = (DatabaseId, String, String);

/// Reads design documents. What it keeps is only what could be read again, so nothing is lost with it.
pub(crate) struct DesignReader {
    names: Names,
    kept: Mutex<HashMap<Key, Arc<IndexDesign>>>,
    validations: Validations,
}

/// Whose design documents are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DesignsOf {
    /// The database.
    pub(crate) database: DatabaseId,
    /// Whether it is partitioned.
    pub(crate) partitioned: bool,
}

impl DesignsOf {
    /// Those of the database of a record.
    pub(crate) fn record(record: &DatabaseRecord) -> Self {
        Self { database: record.id, partitioned: record.partitioned }
    }
}

/// A whole design document, and what it is kept open under.
pub(crate) type DesignSource = (SourceKey, Arc<DesignText>);

impl DesignReader {
    pub(super) fn new(names: Names) -> Self {
        Self { names, kept: Mutex::default(), validations: Validations::default() }
    }

    /// The views of the winning revision of a design document, by its id.
    pub(crate) async fn read(&self, of: DesignsOf, id: &str) -> Result<Arc<IndexDesign>, Failure> {
        let DesignsOf { database, partitioned } = of;
        let wanted = id.to_owned();
        let job = move |snapshot: &Snapshot| match snapshot.document(database, &wanted)? {
            Some(record) => record.winner().map(Some),
            None => Ok(None),
        };
        let leaf = live(read(&self.names, Reading::Point, job).await?)?;
        let key = (database, id.to_owned(), leaf.revision.to_string());
        if let Some(design) = self.kept().get(&key) {
            return Ok(Arc::clone(design));
        }
        // Only one that is not kept is read whole: a couchapp may be large.
        let wanted = id.to_owned();
        let job = move |snapshot: &Snapshot| winner(snapshot, database, &wanted);
        let found = read(&self.names, Reading::Point, job).await?;
        let (leaf, content) = found.map(|found| (found.leaf, found.content)).unzip();
        let leaf = live(leaf)?;
        let content = content.flatten().ok_or_else(|| Failure::NotFound("missing".to_owned()))?;
        let design = Arc::new(IndexDesign::parse(id, &content.body, partitioned)?);
        self.keep((database, id.to_owned(), leaf.revision.to_string()), &design);
        Ok(design)
    }

    /// The views of all design documents of a database that can be read.
    pub(crate) async fn read_all(&self, of: DesignsOf) -> Result<Vec<Arc<IndexDesign>>, Failure> {
        let database = of.database;
        let job = move |snapshot: &Snapshot| designs_at(snapshot, database);
        let found = read(&self.names, Reading::Scan, job).await?;
        let mut designs = Vec::with_capacity(found.len());
        for (id, revision) in found {
            let known = self.kept().get(&(database, id.clone(), revision)).cloned();
            match known {
                Some(design) => designs.push(design),
                // One that cannot be read, or went away meanwhile, holds no indexes.
                None => designs.extend(self.read(of, &id).await.ok()),
            }
        }
        Ok(designs)
    }

    fn keep(&self, key: Key, design: &Arc<IndexDesign>) {
        let mut kept = self.kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(design));
    }

    /// The winning revision of a design document as a whole, by its id.
    pub(crate) async fn source(
        &self,
        database: DatabaseId,
        id: &str,
    ) -> Result<DesignSource, Failure> {
        let wanted = id.to_owned();
        let job = move |snapshot: &Snapshot| {
            let found = winner(snapshot, database, &wanted)?;
            Ok(found.map(|found| (found.leaf.deleted, source(database, &wanted, found))))
        };
        match read(&self.names, Reading::Point, job).await? {
            Some((false, Some(source))) => Ok(source),
            Some((true, _)) => Err(Failure::NotFound("deleted".to_owned())),
            _ => Err(Failure::NotFound("missing".to_owned())),
        }
    }

    /// The design documents of a database that are asked about every write.
    pub(crate) async fn validations(
        &self,
        database: DatabaseId,
    ) -> Result<Arc<Vec<Validator>>, Failure> {
        Ok(Arc::clone(&self.validations.of(&self.names, database).await?.validations))
    }

    /// The design documents of a database that are asked who may read its documents, and over which revisions
    /// they met limits.
    pub(crate) async fn readings(
        &self,
        database: DatabaseId,
    ) -> Result<(Arc<Vec<DesignSource>>, Arc<MetLimits>), Failure> {
        let asked = self.validations.of(&self.names, database).await?;
        Ok((Arc::clone(&asked.readings), Arc::clone(&asked.limits)))
    }

    /// The design documents of a database that merge leaves in conflict, in the order of their ids.
    pub(crate) async fn merges(
        &self,
        database: DatabaseId,
    ) -> Result<Arc<Vec<DesignSource>>, Failure> {
        Ok(Arc::clone(&self.validations.of(&self.names, database).await?.merges))
    }

    /// A design document of a database was written.
    pub(crate) fn written(&self, database: DatabaseId) {
        self.validations.forget(database);
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<IndexDesign>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The winner of a document that is there.
fn live(leaf: Option<Leaf>) -> Result<Leaf, Failure> {
    match leaf {
        Some(leaf) if leaf.deleted => Err(Failure::NotFound("deleted".to_owned())),
        Some(leaf) => Ok(leaf),
        None => Err(Failure::NotFound("missing".to_owned())),
    }
}

/// A design document as its functions see it; `None` where its content is no longer stored.
pub(super) fn source(
    database: DatabaseId,
    id: &str,
    found: StoredDocument,
) -> Option<DesignSource> {
    let content = found.content?;
    let mut text = Vec::new();
    let rendering = Rendering {
        attachments: &content.attachments,
        ..Rendering::new(id, &found.leaf.revision, &content.body)
    };
    render_document(&mut text, &rendering);
    let text = String::from_utf8(text).ok()?;
    let version = format!("{id}@{}", found.leaf.revision);
    let key = SourceKey { database: database.0, version };
    Some((key, Arc::new(DesignText { id: id.to_owned(), text })))
}

/// All design documents of a database.
pub(super) fn design_range() -> DocumentRange {
    DocumentRange {
        start: Some("_design/".to_owned()),
        end: Some("_design0".to_owned()),
        end_inclusive: false,
        ..DocumentRange::default()
    }
}

/// The ids of the design documents of a database with their winning revisions.
fn designs_at(
    snapshot: &Snapshot,
    database: DatabaseId,
) -> Result<Vec<(String, String)>, StorageError> {
    let mut found = Vec::new();
    for row in snapshot.documents(database, &design_range()) {
        let (id, record) = row?;
        let winner = record.winner()?;
        if !winner.deleted {
            found.push((id, winner.revision.to_string()));
        }
    }
    Ok(found)
}
