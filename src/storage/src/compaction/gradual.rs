//! What a merge writes reaches the disk little by little, since every commit waits while many MiB are synced at
//! once (see [`crate::tree_files`]).

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::tree_files::{FOLDERS, numbers, sync};

/// Bytes of rows between two syncs: so much is written within a few milliseconds.
const SYNC_BYTES: u64 = 4 * 1024 * 1024;

/// Files that are synced at most; those of flushes and of merges beside are among them, and cost little
/// where they are synced already.
const NEWEST: usize = 16;

thread_local! {
    /// The folder of the tree that the present thread merges.
    static MERGED: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// Runs a merge of the tree in `folder`.
pub(super) fn merge<T>(folder: &Path, merge: impl FnOnce() -> T) -> T {
    MERGED.with(|merged| *merged.borrow_mut() = Some(folder.to_owned()));
    let result = merge();
    MERGED.with(|merged| *merged.borrow_mut() = None);
    result
}

/// Counts what a merge goes through.
#[derive(Default)]
pub(super) struct Gradual {
    folder: Option<PathBuf>,
    /// The numbers of the newest files before the merge, one a folder.
    before: [u64; FOLDERS.len()],
    bytes: u64,
}

impl Gradual {
    /// For the merge that the present thread begins.
    pub(super) fn of_this_thread() -> Self {
        let folder = MERGED.with(|merged| merged.borrow().clone());
        let newest = |name| folder.as_ref().and_then(|tree| numbers(&tree.join(name)).pop());
        let before = FOLDERS.map(|name| newest(name).unwrap_or_default());
        Self { folder, before, bytes: 0 }
    }

    /// So many bytes more were written, about.
    pub(super) fn wrote(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.bytes >= SYNC_BYTES {
            self.bytes = 0;
            let Some(tree) = &self.folder else { return };
            for (name, before) in FOLDERS.iter().zip(self.before) {
                sync_newest(&tree.join(name), before);
            }
        }
    }
}

/// Syncs the newest files of a folder, of those behind a number.
fn sync_newest(folder: &Path, before: u64) {
    let numbers = numbers(folder);
    for number in numbers.iter().rev().take_while(|number| **number > before).take(NEWEST) {
        sync(&folder.join(number.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_who_merges_has_a_folder() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Gradual::of_this_thread().folder, None);
        let during = merge(directory.path(), || Gradual::of_this_thread().folder);
        assert_eq!(during.as_deref(), Some(directory.path()));
        assert_eq!(Gradual::of_this_thread().folder, None);
    }

    #[test]
    fn what_is_no_file_of_a_merge_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("tables")).unwrap();
        fs::write(directory.path().join("tables/7"), "table").unwrap();
        fs::write(directory.path().join("tables/note"), "text").unwrap();
        merge(directory.path(), || {
            let mut gradual = Gradual::of_this_thread();
            gradual.wrote(SYNC_BYTES);
            assert_eq!(gradual.bytes, 0);
            gradual.wrote(SYNC_BYTES - 1);
            assert_eq!(gradual.bytes, SYNC_BYTES - 1);
        });
    }
}
