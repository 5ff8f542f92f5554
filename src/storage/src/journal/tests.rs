//! Journals as fjall writes them, damaged by hand.

use std::fs;

use fjall::{CompressionType, Database, KeyspaceCreateOptions, PersistMode};

use super::*;

/// Rows and their batches: enough for a start, a middle and an end.
const BATCHES: u8 = 6;

struct Journal {
    directory: tempfile::TempDir,
    /// Where each batch begins, and the end of the last.
    offsets: Vec<u64>,
}

impl Journal {
    fn write() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::builder(directory.path())
            .journal_compression(CompressionType::None)
            .open()
            .unwrap();
        let keyspace = database.keyspace("rows", KeyspaceCreateOptions::default).unwrap();
        for number in 0..BATCHES {
            let mut batch = database.batch().durability(Some(PersistMode::SyncData));
            // Values full of ones look like beginnings of batches.
            batch.insert(&keyspace, [number, 1], vec![1u8; 40]);
            batch.insert(&keyspace, [number, 2], vec![number; 3000]);
            batch.remove(&keyspace, [number, 3]);
            batch.commit().unwrap();
        }
        drop(keyspace);
        drop(database);
        let mut journal = Self { directory, offsets: vec![0] };
        let mut source = Source::open(&journal.path()).unwrap();
        while let Found::Batch { end, .. } =
            read_batch(&mut source, *journal.offsets.last().unwrap()).unwrap()
        {
            journal.offsets.push(end);
        }
        assert_eq!(journal.offsets.len(), usize::from(BATCHES) + 1);
        journal
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("0.jnl")
    }

    fn check(&self) -> Result<(), OpenError> {
        check(self.directory.path())
    }

    /// Leaves a page of the zeros that follow: whole journals are large.
    fn shorten(&self) -> Vec<u8> {
        cut(&self.path(), self.offsets.last().unwrap() + 4096).unwrap();
        fs::read(self.path()).unwrap()
    }

    fn flip(&self, offset: u64) {
        let mut bytes = fs::read(self.path()).unwrap();
        bytes[usize::try_from(offset).unwrap()] ^= 0x10;
        fs::write(self.path(), bytes).unwrap();
    }

    fn rows_after_open(&self) -> usize {
        let database = Database::builder(self.directory.path())
            .journal_compression(CompressionType::None)
            .open()
            .unwrap();
        let keyspace = database.keyspace("rows", KeyspaceCreateOptions::default).unwrap();
        keyspace.len().unwrap()
    }
}

#[test]
fn a_whole_journal_passes_and_keeps_its_length() {
    let journal = Journal::write();
    let length = fs::metadata(journal.path()).unwrap().len();
    journal.check().unwrap();
    assert_eq!(fs::metadata(journal.path()).unwrap().len(), length);
    assert!(length > *journal.offsets.last().unwrap(), "zeros follow");
    assert_eq!(journal.rows_after_open(), usize::from(BATCHES) * 2);
}

#[test]
fn no_journal_and_no_directory_pass() {
    let directory = tempfile::tempdir().unwrap();
    check(directory.path()).unwrap();
    check(&directory.path().join("missing")).unwrap();
}

#[test]
fn a_byte_flipped_anywhere_in_a_batch_is_named() {
    let journal = Journal::write();
    let whole = journal.shorten();
    let last = journal.offsets[usize::from(BATCHES) - 1];
    let end = journal.offsets[usize::from(BATCHES)];
    let in_last = |offset: u64| (last + 5..last + 13).contains(&offset);
    // The number of the last batch may grow without harm.
    let all = (0..last).step_by(31).chain(last - 20..last).chain((last..end).step_by(7));
    for offset in all.filter(|offset| !in_last(*offset)) {
        journal.flip(offset);
        let batch = journal.offsets.iter().rfind(|start| **start <= offset);
        match journal.check() {
            Err(OpenError::Corrupt { file, offset: named }) => {
                assert_eq!(file, journal.path());
                assert_eq!(Some(&named), batch);
            }
            other => panic!("byte {offset}: {other:?}"),
        }
        fs::write(journal.path(), &whole).unwrap();
    }
}

#[test]
fn a_tail_cut_off_anywhere_in_the_last_batch_opens_without_it() {
    let journal = Journal::write();
    let whole = journal.shorten();
    let last = journal.offsets[usize::from(BATCHES) - 1];
    let end = journal.offsets[usize::from(BATCHES)];
    for length in [last, last + 1, last + 13, last + 100, end - 1] {
        let kept = usize::try_from(length).unwrap();
        fs::write(journal.path(), &whole[..kept]).unwrap();
        journal.check().unwrap();
    }
    assert_eq!(journal.rows_after_open(), usize::from(BATCHES - 1) * 2);
}

#[test]
fn a_last_batch_whose_middle_never_reached_the_disk_is_cut_off() {
    let journal = Journal::write();
    let last = journal.offsets[usize::from(BATCHES) - 1];
    let mut bytes = fs::read(journal.path()).unwrap();
    // Disks write whole sectors.
    let from = usize::try_from((last + 200).next_multiple_of(512)).unwrap();
    bytes[from..from + 512].fill(0);
    fs::write(journal.path(), bytes).unwrap();
    journal.check().unwrap();
    assert_eq!(journal.rows_after_open(), usize::from(BATCHES - 1) * 2);
}

#[test]
fn a_torn_end_in_a_journal_that_is_not_the_newest_is_damage() {
    let journal = Journal::write();
    let last = journal.offsets[usize::from(BATCHES) - 1];
    cut(&journal.path(), last + 5).unwrap();
    fs::write(journal.directory.path().join("1.jnl"), []).unwrap();
    assert!(matches!(
        journal.check(),
        Err(OpenError::Corrupt { offset, .. }) if offset == last
    ));
}

#[test]
fn a_search_finds_a_batch_across_the_border_of_two_windows() {
    let journal = Journal::write();
    let whole = journal.shorten();
    let second = usize::try_from(journal.offsets[1]).unwrap();
    let third = usize::try_from(journal.offsets[2]).unwrap();
    for shift in [0, 1, 7, 13, 14, 20] {
        let mut bytes = whole[..second].to_vec();
        // A damaged stretch whose length moves the next batch over the border.
        bytes.resize(256 * 1024 + second + 1 - shift, 0xff);
        bytes.extend_from_slice(&whole[second..third]);
        fs::write(journal.path(), &bytes).unwrap();
        assert!(matches!(
            journal.check(),
            Err(OpenError::Corrupt { offset, .. }) if offset == journal.offsets[1]
        ));
    }
}

#[test]
fn an_emptied_journal_opens() {
    let journal = Journal::write();
    clear(journal.directory.path());
    journal.check().unwrap();
    assert_eq!(fs::metadata(journal.path()).unwrap().len(), 0);
}

#[test]
fn a_wrong_number_in_the_last_batch_is_named_when_it_jumps_or_falls_back() {
    let journal = Journal::write();
    let whole = journal.shorten();
    let last = journal.offsets[usize::from(BATCHES) - 1];
    let number = usize::try_from(last).unwrap() + 5;
    for wrong in [0u64, 1 << 40] {
        let mut bytes = whole.clone();
        bytes[number..number + 8].copy_from_slice(&wrong.to_le_bytes());
        fs::write(journal.path(), &bytes).unwrap();
        assert!(matches!(
            journal.check(),
            Err(OpenError::Corrupt { offset, .. }) if offset == last
        ));
    }
}
