//! Which design documents of which database have `validate_doc_update`, `validate_doc_read` or `merge`: learned
//! when a database is first asked, forgotten when one of its design documents is written. What the functions say is
//! not asked here.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use refuge_http::Failure;
use refuge_otp::Names;
use refuge_storage::{DatabaseId, Snapshot, StorageError};
use serde_json::{Map, Value};
use tokio::sync::OnceCell;

use super::limits::MetLimits;
use super::reader::{DesignSource, design_range, source};
use super::validator::{self, Validator};
use crate::node_service::{Reading, read, winner};

/// Databases that are remembered, most of them for having nothing to ask.
const MOST_DATABASES: usize = 100_000;
/// Bytes of design documents that are remembered: those that were not asked for longest are forgotten beyond that.
const MOST_BYTES: usize = 32 << 20;
/// The same of one database; what has more is read each time, so that it pushes out no others.
const MOST_OF_DATABASE: usize = MOST_BYTES / 2;
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
    /// Over which revisions these met limits.
    pub(super) limits: Arc<MetLimits>,
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
    databases: HashMap<DatabaseId, Entry>,
    /// All of them by when they were asked for last, so that who has to leave is found without a walk.
    by_use: BTreeMap<u64, DatabaseId>,
    /// The same of those of which bytes count.
    of_bytes_by_use: BTreeMap<u64, DatabaseId>,
    bytes: usize,
    /// How often something was asked for.
    time: u64,
}

/// What is known of a database, or is being read.
#[derive(Clone, Default)]
struct Entry {
    asked: Arc<OnceCell<Arc<Asked>>>,
    /// Bytes that count, once it was read.
    bytes: usize,
    /// When it was asked for last; no two have the same.
    used: u64,
}

impl Known {
    /// The entry of a database, which becomes the one that was asked for last.
    fn entry(&mut self, database: DatabaseId) -> Arc<OnceCell<Arc<Asked>>> {
        self.time += 1;
        // Nearly always: each request asks.
        if let Some(entry) = self.databases.get_mut(&database) {
            let before = std::mem::replace(&mut entry.used, self.time);
            self.by_use.remove(&before);
            self.by_use.insert(self.time, database);
            if self.of_bytes_by_use.remove(&before).is_some() {
                self.of_bytes_by_use.insert(self.time, database);
            }
            return Arc::clone(&entry.asked);
        }
        if self.databases.len() >= MOST_DATABASES
            && let Some((_, oldest)) = self.by_use.first_key_value()
        {
            self.forget(*oldest);
        }
        self.by_use.insert(self.time, database);
        let entry = self.databases.entry(database).or_default();
        entry.used = self.time;
        Arc::clone(&entry.asked)
    }

    /// Counts what was read, where it was not forgotten meanwhile, and makes room for it.
    fn count(&mut self, database: DatabaseId, read: &Arc<OnceCell<Arc<Asked>>>, bytes: usize) {
        let Some(entry) = self.databases.get_mut(&database) else { return };
        if !Arc::ptr_eq(&entry.asked, read) || entry.bytes == bytes {
            return;
        }
        if bytes > MOST_OF_DATABASE {
            self.forget(database);
            return;
        }
        entry.bytes = bytes;
        self.bytes += bytes;
        self.of_bytes_by_use.insert(entry.used, database);
        while self.bytes > MOST_BYTES
            && let Some((_, oldest)) = self.of_bytes_by_use.first_key_value()
        {
            self.forget(*oldest);
        }
    }

    fn forget(&mut self, database: DatabaseId) {
        let Some(found) = self.databases.remove(&database) else { return };
        self.by_use.remove(&found.used);
        self.of_bytes_by_use.remove(&found.used);
        self.bytes = self.bytes.saturating_sub(found.bytes);
    }
}

impl Validations {
    /// The design documents of a database that are to be asked. Whoever asks while they are being read waits for
    /// the same reading.
    pub(super) async fn of(
        &self,
        names: &Names,
        database: DatabaseId,
    ) -> Result<Arc<Asked>, Failure> {
        let cell = self.known().entry(database);
        if let Some(found) = cell.get() {
            return Ok(Arc::clone(found));
        }
        let load = || async {
            let job = move |snapshot: &Snapshot| asked(snapshot, database);
            read(names, Reading::Scan, job).await.map(Arc::new)
        };
        let found = cell.get_or_try_init(load).await?;
        self.known().count(database, &cell, found.bytes());
        Ok(Arc::clone(found))
    }

    /// Forgets a database. What is being read of it is told to whoever waits already, and not kept.
    pub(super) fn forget(&self, database: DatabaseId) {
        self.known().forget(database);
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
        let mentioned = mentioning(body);
        let design = match &mentioned {
            Mentioned::Nothing => continue,
            Mentioned::Parsed(design) => Some(design),
            Mentioned::Unread => None,
        };
        let validation = design.and_then(|design| validator::declared(&id, design));
        let has = |member| {
            let function = design.and_then(|design| design.get(member));
            function.is_some_and(|function| !function.is_null())
        };
        // What cannot be read here is asked all the same, and hides everything where it cannot be run either.
        let (has_merge, has_reading) = (has(MERGE), design.is_none() || has(READ));
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
        limits: Arc::default(),
        merges: Arc::new(merges),
    })
}

/// What a design document says of the members.
enum Mentioned {
    Nothing,
    Parsed(Map<String, Value>),
    /// It mentions who may read, and cannot be parsed: nested too deep, for one.
    Unread,
}

/// Parses a design document that mentions the members; most do not and are not.
fn mentioning(body: &[u8]) -> Mentioned {
    let mentions = |member: &str| body.windows(member.len()).any(|text| text == member.as_bytes());
    if ![validator::MEMBER, READ, MERGE].into_iter().any(mentions) {
        return Mentioned::Nothing;
    }
    match serde_json::from_slice(body) {
        Ok(design) => Mentioned::Parsed(design),
        Err(_) if mentions(READ) => Mentioned::Unread,
        Err(_) => Mentioned::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(known: &mut Known, database: u32, bytes: usize) {
        let cell = known.entry(DatabaseId(database));
        known.count(DatabaseId(database), &cell, bytes);
    }

    fn holds(known: &Known, database: u32) -> bool {
        known.databases.contains_key(&DatabaseId(database))
    }

    #[test]
    fn large_design_documents_push_out_what_was_not_asked_for_longest_alone() {
        let mut known = Known::default();
        read(&mut known, 0, 0);
        for database in 1..=4 {
            read(&mut known, database, MOST_BYTES / 4);
        }
        known.entry(DatabaseId(1));
        read(&mut known, 5, MOST_OF_DATABASE + 1);
        assert!((0..=4).all(|database| holds(&known, database)) && !holds(&known, 5));
        read(&mut known, 6, 1);
        assert!([0, 1, 3, 4, 6].into_iter().all(|database| holds(&known, database)));
        assert!(!holds(&known, 2));
        assert_eq!(known.bytes, 3 * (MOST_BYTES / 4) + 1);
    }

    #[test]
    fn of_as_many_databases_as_are_remembered_the_one_that_rested_longest_leaves_at_once() {
        let mut known = Known::default();
        let most = u32::try_from(MOST_DATABASES).unwrap();
        for database in 0..most {
            known.entry(DatabaseId(database));
        }
        // A walk over all of them for each would take minutes.
        for database in 0..most {
            known.entry(DatabaseId(0));
            known.entry(DatabaseId(most + database));
        }
        assert_eq!((known.databases.len(), known.by_use.len()), (MOST_DATABASES, MOST_DATABASES));
        assert!(holds(&known, 0) && !holds(&known, 1) && holds(&known, most + 1));
        for database in 0..2 * most {
            known.forget(DatabaseId(database));
        }
        assert!(known.by_use.is_empty() && known.of_bytes_by_use.is_empty());
    }

    #[test]
    fn what_was_forgotten_while_it_was_read_is_not_kept() {
        let mut known = Known::default();
        let cell = known.entry(DatabaseId(1));
        known.forget(DatabaseId(1));
        let other = known.entry(DatabaseId(1));
        known.count(DatabaseId(1), &cell, 7);
        assert_eq!(known.bytes, 0);
        known.count(DatabaseId(1), &other, 7);
        known.count(DatabaseId(1), &other, 7);
        assert_eq!(known.bytes, 7);
    }

    #[test]
    fn a_design_document_that_cannot_be_parsed_and_mentions_the_member_is_asked() {
        let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
        let with = |member: &str| format!("{{\"{member}\":\"function () {{}}\",\"x\":{deep}}}");
        assert!(matches!(mentioning(with(READ).as_bytes()), Mentioned::Unread));
        assert!(matches!(mentioning(with("views").as_bytes()), Mentioned::Nothing));
        assert!(matches!(mentioning(b"{\"validate_doc_read\":\"\"}"), Mentioned::Parsed(_)));
    }
}
