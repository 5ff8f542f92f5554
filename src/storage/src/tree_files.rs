//! The files that a tree of the engine writes, named by rising numbers, and their early sync: the engine syncs
//! a file once it is whole, and where that is tens of MiB, the file system writes all of them before it ends
//! any other sync.

use std::fs::{self, File};
use std::path::Path;

/// Where a tree keeps them: rows, and values that stand apart.
pub(crate) const FOLDERS: [&str; 2] = ["tables", "blobs"];

/// The numbers of a folder's files, rising. None where the folder is not there.
pub(crate) fn numbers(folder: &Path) -> Vec<u64> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut numbers: Vec<u64> = names.collect();
    numbers.sort_unstable();
    numbers
}

/// Brings what a file holds so far to the disk. What fails here, the engine's own sync will meet.
pub(crate) fn sync(file: &Path) {
    if let Ok(file) = File::open(file) {
        let _ = file.sync_data();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_numbers_and_others_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["10", "9", "note"] {
            fs::write(directory.path().join(name), name).unwrap();
            sync(&directory.path().join(name));
        }
        assert_eq!(numbers(directory.path()), [9, 10]);
        assert_eq!(numbers(&directory.path().join("none")), [0; 0]);
        sync(&directory.path().join("none"));
    }
}
