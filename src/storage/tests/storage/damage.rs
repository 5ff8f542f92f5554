//! A byte flipped at every place of a journal and of all tables: it does no harm, or it is found and
//! its file named before anything is changed. Never is an acknowledged write dropped in silence.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use refuge_storage::{DatabaseId, Engine, LocalWrite, OpenError, Operation, Options};
use tempfile::TempDir;

use crate::fixture::{Fixture, document};

/// Documents, one commit each.
const DOCUMENTS: u64 = 12;

/// Which bits are turned at a place, one place after another.
const FLIPS: [u8; 4] = [0x10, 0x01, 0x80, 0xff];

const CHUNK: &[u8] = &[0xab; 5000];

fn id(number: u64) -> String {
    format!("document-{number}")
}

fn text(number: u64) -> String {
    format!(r#"{{"number":{number}}}"#)
}

/// A directory with a few documents, a local one and an attachment, all acknowledged.
struct Written {
    fixture: Fixture,
    database: DatabaseId,
}

impl Written {
    fn new() -> Self {
        let mut fixture = Fixture::new();
        let database = fixture.create("db");
        let upload = [7; 16];
        let chunk = Operation::Chunk { database, upload, number: 0, bytes: CHUNK.into() };
        let finish = Operation::FinishUpload {
            database,
            upload,
            content: [9; 32],
            chunks: 1,
            stored_length: CHUNK.len() as u64,
        };
        fixture.engine().commit(vec![chunk, finish]).unwrap();
        for number in 0..DOCUMENTS {
            fixture.write(database, vec![document(&id(number), &[&text(number)], None)]);
        }
        let write = LocalWrite { id: "local".to_owned(), value: Some(b"{}".to_vec()) };
        fixture.commit_one(Operation::Locals { database, writes: vec![write] });
        Self { fixture, database }
    }

    fn path(&self) -> &Path {
        self.fixture.directory.path()
    }

    /// Whether everything that was acknowledged is there.
    fn is_whole_in(&self, engine: &Engine) -> bool {
        let snapshot = engine.store().snapshot().unwrap();
        let all = (0..DOCUMENTS).all(|number| {
            let record = snapshot.document(self.database, &id(number)).unwrap();
            let sequence = record.map(|record| record.sequence);
            let body = sequence.and_then(|at| snapshot.body(self.database, at).unwrap());
            body.is_some_and(|body| body.body.as_bytes() == text(number).as_bytes())
        });
        let chunk = snapshot.chunk(self.database, &[7; 16], 0).unwrap();
        all && chunk.as_deref() == Some(CHUNK)
            && snapshot.local(self.database, "local").unwrap() == Some(Bytes::from_static(b"{}"))
            && snapshot.update_sequence(self.database).unwrap() == DOCUMENTS
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All files under a directory whose path (within it) satisfies `wanted`.
fn files(directory: &Path, wanted: &dyn Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, wanted));
        } else if wanted(path.to_str().unwrap()) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// How many flips did no harm, and how many were found.
#[derive(Debug, Default)]
struct Count {
    harmless: usize,
    found: usize,
}

/// Flips every byte of a file of `written`, one after another.
fn flip_all(written: &Written, file: &Path) -> Count {
    let mut count = Count::default();
    let whole = fs::read(file).unwrap();
    let within = file.strip_prefix(written.path()).unwrap();
    let mut copied = fresh(written);
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= FLIPS[place % FLIPS.len()];
        fs::write(copied.path().join(within), &bytes).unwrap();
        let told = match Engine::open(Options::new(copied.path())) {
            Ok(engine) => {
                let kept = written.is_whole_in(&engine);
                assert!(kept, "byte {place} of {} is lost in silence", within.display());
                drop(engine);
                copied = fresh(written);
                count.harmless += 1;
                continue;
            }
            Err(OpenError::Corrupt { file, .. } | OpenError::Damaged { file, .. }) => file,
            Err(error) => panic!("byte {place} of {}: {error}", within.display()),
        };
        // A damaged `current` may be told as the version that it names.
        let told = told.strip_prefix(copied.path()).unwrap();
        let right =
            told == within || (within.ends_with("current") && told.parent() == within.parent());
        assert!(right, "byte {place} of {}: {} was named", within.display(), told.display());
        count.found += 1;
    }
    count
}

fn fresh(written: &Written) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    copy(written.path(), directory.path());
    directory
}

#[test]
fn a_byte_flipped_anywhere_in_a_journal_is_found_or_does_no_harm() {
    let mut written = Written::new();
    drop(written.fixture.take_engine());
    let journal = files(written.path(), &|path| path.ends_with(".jnl")).remove(0);
    let bytes = fs::read(&journal).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    // The zeros that follow are many and all alike.
    fs::write(&journal, &bytes[..end + 64]).unwrap();
    let count = flip_all(&written, &journal);
    assert!(count.found > end * 9 / 10, "{count:?} of {end}");
}

#[test]
fn a_byte_flipped_anywhere_in_a_table_is_found() {
    let mut written = Written::new();
    written.fixture.take_engine().close(std::time::Duration::from_secs(60));
    let tables = files(written.path(), &|path| {
        ["/tables/", "/blobs/"].iter().any(|folder| path.contains(folder))
    });
    assert!(tables.len() >= 7, "{tables:?}");
    for table in tables {
        let count = flip_all(&written, &table);
        assert_eq!(count.harmless, 0, "{}: {count:?}", table.display());
    }
}

#[test]
fn a_byte_flipped_anywhere_in_the_list_of_tables_is_found() {
    let mut written = Written::new();
    written.fixture.take_engine().close(std::time::Duration::from_secs(60));
    let lists = files(written.path(), &|path| {
        let name = path.rsplit('/').next().unwrap();
        path.contains("/keyspaces/")
            && (name == "current" || (name.starts_with('v') && !path.contains("/tables/")))
    });
    for list in lists.into_iter().filter(|list| is_present(list)) {
        let count = flip_all(&written, &list);
        assert_eq!(count.harmless, 0, "{}: {count:?}", list.display());
    }
}

/// Whether a list is `current` or the version that it names; others are about to be removed.
fn is_present(list: &Path) -> bool {
    let current = fs::read(list.with_file_name("current")).unwrap();
    let number = u64::from_le_bytes(current[..8].try_into().unwrap());
    let name = list.file_name().unwrap();
    name == "current" || name == format!("v{number}").as_str()
}

#[test]
fn a_table_that_is_missing_is_named() {
    let mut written = Written::new();
    written.fixture.take_engine().close(std::time::Duration::from_secs(60));
    let everything = files(written.path(), &|path| {
        path.contains("/keyspaces/") && !path.contains("/v") && !path.ends_with(".lock")
    });
    for file in everything {
        let copied = fresh(&written);
        let within = file.strip_prefix(written.path()).unwrap();
        fs::remove_file(copied.path().join(within)).unwrap();
        match Engine::open(Options::new(copied.path())) {
            Err(OpenError::Damaged { file, .. }) => {
                assert_eq!(file.strip_prefix(copied.path()).unwrap(), within);
            }
            Ok(engine) => assert!(written.is_whole_in(&engine), "{}", within.display()),
            Err(error) => panic!("{}: {error}", within.display()),
        }
    }
}

/// The process was killed after the engine's journal was made and before its marker was.
#[test]
fn a_store_whose_making_was_cut_off_is_made_anew() {
    let directory = TempDir::new().unwrap();
    let store = directory.path().join("store");
    fs::create_dir_all(store.join("keyspaces")).unwrap();
    fs::File::create(store.join("0.jnl")).unwrap().set_len(1 << 20).unwrap();
    let mut engine = Engine::open(crate::fixture::options(&directory)).unwrap();
    engine.commit(vec![crate::fixture::create("db")]).unwrap();
}
