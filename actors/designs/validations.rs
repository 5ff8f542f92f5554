//! Which design documents of which database have `validate_doc_update`: learned when a database is first
//! written, forgotten when one of its design documents is. What the functions say is not asked here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, Snapshot, StorageError};

use super::reader::{DesignSource, design_range, source};
use crate::node_service::{Reading, read, winner};

/// Databases that are remembered, most of them for having nothing to ask.
const MOST_DATABASES: usize = 100_000;
/// Bytes of design documents that are remembered: all are forgotten beyond that, and read again.
const MOST_BYTES: usize = 32 << 20;
/// The member of a design document.
const MEMBER: &str = "validate_doc_update";

/// What is remembered.
#[derive(Default)]
pub(super) struct Validations {
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// How often something was forgotten: what was read before that is not kept.
    forgotten: u64,
    databases: HashMap<DatabaseId, Arc<Vec<DesignSource>>>,
    bytes: usize,
}

impl Validations {
    /// The design documents of a database that are to be asked.
    pub(super) async fn of(
        &self,
        names: &Names,
        database: DatabaseId,
    ) -> Result<Arc<Vec<DesignSource>>, Failure> {
        let forgotten = {
            let known = self.known();
            if let Some(found) = known.databases.get(&database) {
                return Ok(Arc::clone(found));
            }
            known.forgotten
        };
        let job = move |snapshot: &Snapshot| asked(snapshot, database);
        let found = Arc::new(read(names, Reading::Scan, job).await?);
        let bytes: usize = found.iter().map(|(_, design)| design.text.len()).sum();
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
            let bytes: usize = designs.iter().map(|(_, design)| design.text.len()).sum();
            known.bytes = known.bytes.saturating_sub(bytes);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads all design documents of a database; those without the member are left out.
fn asked(snapshot: &Snapshot, database: DatabaseId) -> Result<Vec<DesignSource>, StorageError> {
    let mut designs = Vec::new();
    for row in snapshot.documents(database, &design_range()) {
        let (id, _) = row?;
        let Some(found) = winner(snapshot, database, &id)?.filter(|found| !found.leaf.deleted)
        else {
            continue;
        };
        let body = found.content.as_ref().map(|content| content.body.as_bytes());
        if body.is_some_and(has_validation)
            && let Some(source) = source(database, &id, found)
        {
            designs.push(source);
        }
    }
    Ok(designs)
}

/// Whether a design document has the member, not merely its name somewhere.
fn has_validation(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| text.contains(MEMBER))
        && serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body)
            .is_ok_and(|design| design.get(MEMBER).is_some_and(|function| !function.is_null()))
}

#[cfg(test)]
mod tests {
    use super::has_validation;

    #[test]
    fn the_member_counts_wherever_else_its_name_stands() {
        assert!(has_validation(br#"{"validate_doc_update":"function(){}"}"#));
        assert!(!has_validation(br#"{"lib":{"validate_doc_update":"x"}}"#));
        assert!(!has_validation(br#"{"validate_doc_update":null}"#));
        assert!(!has_validation(br#"{"views":{}}"#));
    }
}
