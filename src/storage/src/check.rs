//! The check of a whole data directory: every file against its checksum, every record of every
//! keyspace, and what they say of each other. It reads in the order of the keys and holds little: a
//! bit for each sequence whose body is needed, and the names of uploads, of one database at a time.
//!
//! What must not live here: anything that mends. The directory is opened as a node opens it, which
//! cuts off what a crash left unfinished, and nothing else is changed.

mod attachments;
mod bodies;
mod documents;
mod following;
mod garbage;
mod marked;
mod outstanding;
mod readers;
mod registry;

use crate::check::garbage::Noted;
use crate::database::{DatabaseId, DatabaseRecord};
use crate::engine::{Engine, STORE_DIRECTORY};
use crate::error::{OpenError, StorageError};
use crate::options::Options;
use crate::snapshot::Snapshot;
use crate::tables;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Tables and blob files that were compared with their checksums.
    pub files: u64,
    /// Databases.
    pub databases: u64,
    /// Documents, deleted ones included.
    pub documents: u64,
    /// Bodies of revisions.
    pub bodies: u64,
    /// Local documents.
    pub locals: u64,
    /// Contents of attachments.
    pub contents: u64,
    /// Bytes of them.
    pub content_bytes: u64,
    /// Things that wait to leave in the background.
    pub garbage: u64,
    /// What is wrong.
    pub problems: u64,
}

/// Checks the directory that `options` name, while no node runs on it. `tell` hears of each problem,
/// in one sentence. The error says why there was nothing to check: damage of files is told first.
///
/// # Errors
/// [`OpenError`], as [`Engine::open`].
pub fn check(options: Options, tell: &mut dyn FnMut(&str)) -> Result<Checked, OpenError> {
    let mut check = Check { checked: Checked::default(), tell };
    let directory = options.path.join(STORE_DIRECTORY);
    let mut damages = Vec::new();
    let looked = tables::walk(&directory, u64::MAX, &mut |damage| damages.push(damage))?;
    check.checked.files = looked.files;
    for damage in &damages {
        check.problem(format_args!("{damage}"));
    }
    if damages.is_empty() {
        let engine = Engine::open(options)?;
        let snapshot = engine.store().snapshot().map_err(OpenError::Storage)?;
        check.records(&snapshot).map_err(OpenError::Storage)?;
    }
    Ok(check.checked)
}

/// A check under way.
struct Check<'a> {
    checked: Checked,
    tell: &'a mut dyn FnMut(&str),
}

/// One database that is checked.
struct Subject<'a> {
    snapshot: &'a Snapshot,
    database: DatabaseId,
    name: &'a str,
    update_sequence: u64,
    /// Whether its documents say who may read them.
    access: bool,
    noted: &'a Noted,
}

impl Check<'_> {
    fn problem(&mut self, sentence: std::fmt::Arguments<'_>) {
        self.checked.problems += 1;
        (self.tell)(&sentence.to_string());
    }

    /// Tells a record that cannot be read, and passes it over; what is no fault of a record ends
    /// the check.
    fn readable<T>(
        &mut self,
        read: Result<T, StorageError>,
        of: std::fmt::Arguments<'_>,
    ) -> Result<Option<T>, StorageError> {
        match read {
            Ok(record) => Ok(Some(record)),
            Err(error @ (StorageError::Record { .. } | StorageError::Tree(_))) => {
                self.problem(format_args!("{of}: {error}"));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn records(&mut self, snapshot: &Snapshot) -> Result<(), StorageError> {
        let databases = self.registry(snapshot)?;
        let mut noted = self.garbage(snapshot)?;
        self.expiries(snapshot)?;
        for record in databases {
            self.checked.databases += 1;
            let noted = noted.remove(&record.id).unwrap_or_default();
            self.database(snapshot, &record, &noted)?;
        }
        Ok(())
    }

    fn database(
        &mut self,
        snapshot: &Snapshot,
        record: &DatabaseRecord,
        noted: &Noted,
    ) -> Result<(), StorageError> {
        let Some(counted) = snapshot.information(record.id)? else {
            self.problem(format_args!("database {}: it has no counters", record.name));
            return Ok(());
        };
        let subject = Subject {
            snapshot,
            database: record.id,
            name: &record.name,
            update_sequence: counted.update_sequence,
            access: record.access,
            noted,
        };
        let needed = self.documents(&subject, &counted)?;
        self.sequences(&subject)?;
        self.bodies(&subject, needed)?;
        self.outstanding(&subject)?;
        self.readers(&subject)?;
        self.attachments(&subject)?;
        self.purges(&subject)?;
        self.locals(&subject)
    }
}

#[cfg(test)]
mod tests;
