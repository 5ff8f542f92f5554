//! Which design documents of which database have `validate_doc_update` or `merge`: learned when a database is
//! first written, forgotten when one of its design documents is. What the functions say is not asked here.

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
/// The member of a design document that is asked about every write.
const VALIDATION: &str = "validate_doc_update";
/// The member that merges leaves in conflict.
const MERGE: &str = "merge";

/// The design documents of a database that have something to say to its writes, by id.
#[derive(Default)]
pub(super) struct Asked {
    /// Those with `validate_doc_update`.
    pub(super) validations: Arc<Vec<DesignSource>>,
    /// Those with `merge`.
    pub(super) merges: Arc<Vec<DesignSource>>,
}

impl Asked {
    fn bytes(&self) -> usize {
        let all = self.validations.iter().chain(self.merges.iter());
        all.map(|(_, design)| design.text.len()).sum()
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
    let (mut validations, mut merges) = (Vec::new(), Vec::new());
    for row in snapshot.documents(database, &design_range()) {
        let (id, _) = row?;
        let Some(found) = winner(snapshot, database, &id)?.filter(|found| !found.leaf.deleted)
        else {
            continue;
        };
        let body = found.content.as_ref().map_or(&[][..], |content| content.body.as_bytes());
        let (validates, has_merge) = (has(body, VALIDATION), has(body, MERGE));
        if (validates || has_merge)
            && let Some(source) = source(database, &id, found)
        {
            if validates {
                validations.push(source.clone());
            }
            if has_merge {
                merges.push(source);
            }
        }
    }
    Ok(Asked { validations: Arc::new(validations), merges: Arc::new(merges) })
}

/// Whether a design document has a member, not merely its name somewhere.
fn has(body: &[u8], member: &str) -> bool {
    std::str::from_utf8(body).is_ok_and(|text| text.contains(member))
        && serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(body)
            .is_ok_and(|design| design.get(member).is_some_and(|function| !function.is_null()))
}

#[cfg(test)]
mod tests {
    use super::{VALIDATION, has};

    #[test]
    fn the_member_counts_wherever_else_its_name_stands() {
        assert!(has(br#"{"validate_doc_update":"function(){}"}"#, VALIDATION));
        assert!(!has(br#"{"lib":{"validate_doc_update":"x"}}"#, VALIDATION));
        assert!(!has(br#"{"validate_doc_update":null}"#, VALIDATION));
        assert!(!has(br#"{"views":{}}"#, VALIDATION));
    }
}
