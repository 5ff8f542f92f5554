//! The design documents of databases as views: read from the storage, parsed once a revision.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, DocumentRange, Snapshot, StorageError};

use crate::index_design::IndexDesign;
use crate::node_service::{Reading, read, winner};

/// Parsed design documents that are kept. Large ones are a few hundred KiB.
const KEPT: usize = 256;
/// Design documents of one database that are looked at in the background.
const MOST_DESIGNS: usize = 1_000;

/// Which version of which design document.
type Key = (DatabaseId, String, String);

/// Reads design documents. The directory publishes it under its own name; what it keeps is only what could
/// be read again, so nothing is lost with it.
pub(crate) struct DesignReader {
    names: Names,
    kept: Mutex<HashMap<Key, Arc<IndexDesign>>>,
}

impl DesignReader {
    pub(super) fn new(names: Names) -> Self {
        Self { names, kept: Mutex::new(HashMap::new()) }
    }

    /// The views of the winning revision of a design document, by its id.
    pub(crate) async fn read(
        &self,
        database: DatabaseId,
        id: &str,
    ) -> Result<Arc<IndexDesign>, Failure> {
        let wanted = id.to_owned();
        let job = move |snapshot: &Snapshot| winner(snapshot, database, &wanted);
        let found = read(&self.names, Reading::Point, job).await?;
        let found = found.ok_or_else(|| Failure::NotFound("missing".to_owned()))?;
        if found.leaf.deleted {
            return Err(Failure::NotFound("deleted".to_owned()));
        }
        let key = (database, id.to_owned(), found.leaf.revision.to_string());
        if let Some(design) = self.kept().get(&key) {
            return Ok(Arc::clone(design));
        }
        let content = found.content.ok_or_else(|| Failure::NotFound("missing".to_owned()))?;
        let design = Arc::new(IndexDesign::parse(id, &content.body)?);
        self.keep(key, &design);
        Ok(design)
    }

    /// The views of all design documents of a database that can be read.
    pub(crate) async fn read_all(
        &self,
        database: DatabaseId,
    ) -> Result<Vec<Arc<IndexDesign>>, Failure> {
        let job = move |snapshot: &Snapshot| designs_at(snapshot, database);
        let found = read(&self.names, Reading::Scan, job).await?;
        let mut designs = Vec::with_capacity(found.len());
        for (id, revision) in found {
            let known = self.kept().get(&(database, id.clone(), revision)).cloned();
            match known {
                Some(design) => designs.push(design),
                // One that cannot be read, or went away meanwhile, holds no indexes.
                None => designs.extend(self.read(database, &id).await.ok()),
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

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<IndexDesign>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The views of all design documents of a database that can be read; those without views are left out.
pub(crate) fn designs_of(
    snapshot: &Snapshot,
    database: DatabaseId,
) -> Result<Vec<IndexDesign>, StorageError> {
    let mut designs = Vec::new();
    for row in snapshot.documents(database, &design_documents()).take(MOST_DESIGNS) {
        let (id, _) = row?;
        let Some(found) = winner(snapshot, database, &id)? else { continue };
        let Some(content) = found.content.filter(|_| !found.leaf.deleted) else { continue };
        if let Ok(design) = IndexDesign::parse(&id, &content.body)
            && !design.views.maps.is_empty()
        {
            designs.push(design);
        }
    }
    Ok(designs)
}

/// The ids of the design documents of a database with their winning revisions.
fn designs_at(
    snapshot: &Snapshot,
    database: DatabaseId,
) -> Result<Vec<(String, String)>, StorageError> {
    let mut found = Vec::new();
    for row in snapshot.documents(database, &design_documents()).take(MOST_DESIGNS) {
        let (id, record) = row?;
        let winner = record.winner()?;
        if !winner.deleted {
            found.push((id, winner.revision.to_string()));
        }
    }
    Ok(found)
}

/// The range of all design documents.
fn design_documents() -> DocumentRange {
    DocumentRange {
        start: Some("_design/".to_owned()),
        end: Some("_design0".to_owned()),
        end_inclusive: false,
        ..DocumentRange::default()
    }
}
