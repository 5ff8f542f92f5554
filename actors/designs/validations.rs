//! Which design documents of which database have `validate_doc_update`, `validate_doc_read` or `merge`: learned
//! when a database is first asked, forgotten when one of its design documents is written. What the functions say is not asked here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, Snapshot, StorageError};
use serde_json::{Map, Value};

use super::reader::{DesignSource, design_range, source};
use super::validator::{self, Validator};
use crate::node_service::{Reading, read, winner};

/// Databases that are remembered, most of them for having nothing to ask.
const MOST_DATABASES: usize = 100_000;
/// Bytes of design documents that are remembered: all are forgotten beyond that, and read again.
const MOST_BYTES: usize = 32 << 20;
/// The member that merges leaves in conflict.
const MERGE: &str = "merge";
/// The member that is asked who may read a document.
const READ: &str = "validate_doc_read";

/// The design documents of a database that have something to say to its writes or reads, by id.
#[derive(Default)]
pub(super) struct Asked {
    /// Those with `validate_doc_update`.
    pub(super) validations: Arc<Vec<Validator>>,
    /// Those with `validate_doc_read`.
    pub(super) readings: Arc<Vec<DesignSource>>,
    /// Those with `merge`.
    pub(super) merges: Arc<Vec<DesignSource>>,
}

impl Asked {
    fn bytes(&self) -> usize {
        let validations: usize = self.validations.iter().map(Validator::bytes).sum();
        let sources = self.readings.iter().chain(self.merges.iter());
        let sources: usize = sources.map(|(_, design)| design.text.len()).sum();
        validations + sources
    }
}

/// What is remembered.
#[derive(Default)]
pub(super) struct Validations {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// How often something was forgotten: what was read before that is not kept.
    forgotten: u64,
    databases: HashMap<DatabaseId, Arc<Asked>>,
    bytes: usize,
}

impl Validations {
    /// The design documents of a database that are to be asked.
    pub(super) async fn of(
        &self,
        names: &Names,
        database: DatabaseId,
    ) -> Result<Arc<Asked>, Failure> {
        let forgotten = {
            let known = self.known();
            if let Some(found) = known.databases.get(&database) {
                return Ok(Arc::clone(found));
            }
            known.forgotten
        };
        let job = move |snapshot: &Snapshot| asked(snapshot, database);
        let found = Arc::new(read(names, Reading::Scan, job).await?);
        let bytes = found.bytes();
        let mut known = self.known();
        if known.forgotten == forgotten {
            if known.databases.len() >= MOST_DATABASES || known.bytes + bytes > MOST_BYTES {
                known.databases.clear();
                known.bytes = 0;
            }
            known.bytes += bytes;
            known.databases.insert(database, Arc::clone(&found));
        }
        Ok(found)
    }

    /// Forgets a database.
    pub(super) fn forget(&self, database: DatabaseId) {
        let mut known = self.known();
        known.forgotten += 1;
        if let Some(designs) = known.databases.remove(&database) {
            known.bytes = known.bytes.saturating_sub(designs.bytes());
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads all design documents of a database; those without the members are left out.
fn asked(snapshot: &Snapshot, database: DatabaseId) -> Result<Asked, StorageError> {
    let (mut validations, mut readings, mut merges) = (Vec::new(), Vec::new(), Vec::new());
    for row in snapshot.documents(database, &design_range()) {
        let (id, _) = row?;
        let Some(found) = winner(snapshot, database, &id)?.filter(|found| !found.leaf.deleted)
        else {
            continue;
        };
        let body = found.content.as_ref().map_or(&[][..], |content| content.body.as_bytes());
        let Some(design) = mentioning(body) else { continue };
        let validation = validator::declared(&id, &design);
        let has = |member| design.get(member).is_some_and(|function| !function.is_null());
        let (has_merge, has_reading) = (has(MERGE), has(READ));
        if (validation.is_some() || has_merge || has_reading)
            && let Some(source) = source(database, &id, found)
        {
            validations.extend(validation.map(|declared| Validator::new(declared, &source)));
            // What is no function hides everything, as one that fails does.
            if has_reading {
                readings.push(source.clone());
            }
            if has_merge {
                merges.push(source);
            }
        }
    }
    Ok(Asked {
        validations: Arc::new(validations),
        readings: Arc::new(readings),
        merges: Arc::new(merges),
    })
}

/// A design document that mentions the members, parsed; most do not and are not.
fn mentioning(body: &[u8]) -> Option<Map<String, Value>> {
    let text = std::str::from_utf8(body).ok()?;
    let mentions = [validator::MEMBER, READ, MERGE].iter().any(|member| text.contains(member));
    mentions.then(|| serde_json::from_str(text).ok()).flatten()
}
