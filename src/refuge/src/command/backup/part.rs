//! `FILE.part`: the file of a backup that is not whole. One command has it at a time; what of it is whole is
//! found by reading it, since a command may end at any byte.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use refuge_console::PLACE_LIMIT_BYTES;
use refuge_storage::place_behind;
use serde_json::Value;

use super::file::{BackupFile, SoFar};
use super::{Progress, cannot_make};
use crate::exit::Failure;

/// Read ahead of the blocks.
const BUFFER_BYTES: usize = 1024 * 1024;

/// A part that was there.
pub(super) struct Part(File);

/// One whose first lines are those of a backup.
pub(super) struct Begun<R> {
    file: BackupFile<R>,
    /// Bytes of the whole file.
    length: u64,
}

/// What of a part is whole.
pub(super) struct Whole {
    /// Bytes of the file.
    pub(super) length: u64,
    /// What they hold.
    pub(super) so_far: SoFar,
    /// The place behind the last block; none where there is no block.
    pub(super) behind: Option<Vec<u8>>,
}

impl Part {
    /// The one that is there. What is no plain file, or cannot be written, is none.
    pub(super) fn there(path: &Path) -> Result<Option<Self>, Failure> {
        if !fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
            return Ok(None);
        }
        let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else {
            return Ok(None);
        };
        lock(&file, path)?;
        // Whoever had it may have put it in its place a moment ago.
        let here = file.metadata().map_err(|error| cannot_make(path, error))?;
        let same = fs::symlink_metadata(path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (here.dev(), here.ino()));
        Ok(same.then_some(Self(file)))
    }

    /// A new one in place of what an earlier command left behind; a file of somebody else's is not written to.
    pub(super) fn make(path: &Path) -> Result<File, Failure> {
        let _ = fs::remove_file(path);
        let mut options = OpenOptions::new();
        let file = options.create_new(true).write(true).mode(0o600).open(path);
        let file = file.map_err(|error| cannot_make(path, error))?;
        lock(&file, path)?;
        Ok(file)
    }

    /// What it tells of itself, and its blocks; none where it does not begin as a backup.
    pub(super) fn begun(&self) -> Option<(Value, Begun<BufReader<&File>>)> {
        let length = self.0.metadata().ok()?.len();
        let file = BackupFile::begin(BufReader::with_capacity(BUFFER_BYTES, &self.0)).ok()?;
        Some((file.head.clone(), Begun { file, length }))
    }

    /// Cuts off what is behind `length`, and goes on there.
    pub(super) fn cut_off(self, length: u64) -> io::Result<File> {
        let Self(mut file) = self;
        file.set_len(length)?;
        file.seek(SeekFrom::Start(length))?;
        Ok(file)
    }
}

/// Where a file system knows no locks, nobody looks after two commands at a time.
fn lock(file: &File, path: &Path) -> Result<(), Failure> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Failure::BackupUnderWay(path.to_owned())),
        Err(TryLockError::Error(_)) | Ok(()) => Ok(()),
    }
}

impl<R: BufRead> Begun<R> {
    /// Reads to the last block that is whole. The end of the blocks is none of them: the node is asked what is
    /// behind them all the same. Blocks at whose place nobody can go on do not count.
    pub(super) fn whole(mut self) -> Whole {
        let progress = Progress::new("of what is there looked at", Some(self.length));
        let so_far = self.file.so_far.clone();
        let mut whole = Whole { length: self.file.length, so_far, behind: None };
        while let Ok(Some((plain, read))) = self.file.block() {
            progress.add(read);
            let Some(place) = place_behind(&plain) else { break };
            if place.len() <= PLACE_LIMIT_BYTES {
                let so_far = self.file.so_far.clone();
                whole = Whole { length: self.file.length, so_far, behind: Some(place) };
            }
        }
        progress.ended();
        whole
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::file::BackupWriter;
    use super::*;

    /// A block with one row.
    fn block(key: &[u8]) -> Vec<u8> {
        let value = vec![b'v'; 100];
        let lengths = [key.len() as u32, value.len() as u32].map(u32::to_le_bytes).concat();
        [&[3], &lengths[..], key, &value].concat()
    }

    fn written(keys: &[&[u8]]) -> Vec<u8> {
        let mut writer = BackupWriter::begin(Vec::new(), &json!({"snapshot": "x"})).unwrap();
        keys.iter().for_each(|key| writer.block(&block(key)).unwrap());
        writer.finish().unwrap()
    }

    fn whole(bytes: &[u8]) -> Whole {
        Begun { file: BackupFile::begin(bytes).unwrap(), length: bytes.len() as u64 }.whole()
    }

    #[test]
    fn wherever_it_breaks_off_what_is_written_behind_its_last_block_makes_the_same_file() {
        let keys: [&[u8]; 4] = [b"a", b"b", b"c", b"d"];
        let all = written(&keys);
        let head = all.windows(2).position(|pair| pair == b"}\n").unwrap() + 2;
        for length in head..=all.len() {
            // With something else in place of what was not written, as a disk may have it.
            for garbage in [&[][..], &[0; 40], &[0xff; 40]] {
                let torn = [&all[..length], garbage].concat();
                let Whole { length: kept, so_far, behind } = whole(&torn);
                let kept = kept as usize;
                assert!(kept <= length, "{kept} of {length} bytes");
                let place = behind.map(|place| place[1..].to_vec());
                let left = keys.into_iter().filter(|key| Some(*key) > place.as_deref());
                let mut writer = BackupWriter::behind(torn[..kept].to_vec(), so_far);
                left.for_each(|key| writer.block(&block(key)).unwrap());
                assert!(writer.finish().unwrap() == all, "broke off at {length}");
            }
        }
    }

    #[test]
    fn nothing_behind_a_block_that_was_damaged_counts() {
        let all = written(&[b"a", b"b", b"c"]);
        let one = whole(&all).length as usize / 3;
        let mut damaged = all.clone();
        damaged[one + one / 2] ^= 1;
        assert!(whole(&damaged).so_far.blocks <= 1);
        assert_eq!(whole(&all).so_far.blocks, 3);
    }

    #[test]
    fn a_place_that_no_line_holds_is_not_gone_on_from() {
        let long = vec![b'x'; PLACE_LIMIT_BYTES];
        let found = whole(&written(&[b"a", &long, &long]));
        assert_eq!((found.so_far.blocks, found.behind.unwrap()), (1, b"\x03a".to_vec()));
        assert_eq!(whole(&written(&[b"a", &long, b"z"])).so_far.blocks, 3);
    }

    #[test]
    fn two_commands_do_not_write_the_same_part_and_nothing_else_is_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.part");
        assert!(Part::there(&path).unwrap().is_none());
        let first = Part::make(&path).unwrap();
        assert!(matches!(Part::there(&path), Err(Failure::BackupUnderWay(_))));
        drop(first);
        assert!(Part::there(&path).unwrap().unwrap().begun().is_none(), "it is empty");
        let other = folder.path().join("other");
        fs::write(&other, written(&[b"a"])).unwrap();
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(Part::there(&path).unwrap().is_none());
        drop(Part::make(&path).unwrap());
        assert_eq!(fs::read(&other).unwrap(), written(&[b"a"]));
    }
}
