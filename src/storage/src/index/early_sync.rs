//! A thread that syncs the tables of indexes while they are written, so that no commit of a document waits for
//! many MiB of them at once (see [`crate::tree_files`]). It sleeps while no table is written.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use crate::tree_files::{FOLDERS, numbers, sync};

/// How often files are looked at while they grow.
const LOOK: Duration = Duration::from_millis(10);
/// Without growth for so long it sleeps.
const PATIENCE: Duration = Duration::from_secs(2);
/// Growth that is synced: so much is written within a few milliseconds.
const SYNC_BYTES: u64 = 2 * 1024 * 1024;
/// The newest files of a folder that are looked at: one of a flush and those of a merge.
const NEWEST: usize = 4;

/// Wakes the thread. It ends when this is dropped.
pub(super) struct EarlySync(SyncSender<()>);

impl EarlySync {
    /// For the trees in these folders. Without a thread all goes on, with longer syncs.
    pub(super) fn start(trees: &[PathBuf]) -> Self {
        let (sender, receiver) = sync_channel(1);
        let folders: Vec<PathBuf> =
            trees.iter().flat_map(|tree| FOLDERS.map(|folder| tree.join(folder))).collect();
        let thread = std::thread::Builder::new().name("refuge-early-sync".to_owned());
        if let Err(error) = thread.spawn(move || run(&receiver, &folders)) {
            tracing::warn!(%error, "tables of indexes are synced as a whole");
        }
        Self(sender)
    }

    /// A table is going to be written.
    pub(super) fn wake(&self) {
        // Full: it is awake already.
        let _ = self.0.try_send(());
    }
}

fn run(wakes: &Receiver<()>, folders: &[PathBuf]) {
    while wakes.recv().is_ok() {
        let mut files = Files::default();
        let mut last = Instant::now();
        while last.elapsed() < PATIENCE {
            match wakes.recv_timeout(LOOK) {
                Ok(()) => last = Instant::now(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            for folder in folders {
                if files.look(folder) {
                    last = Instant::now();
                }
            }
        }
    }
}

/// The newest files, and how far each is synced.
#[derive(Default)]
struct Files {
    synced: HashMap<PathBuf, u64>,
}

impl Files {
    /// Syncs those that have grown by much; answers whether any has grown.
    fn look(&mut self, folder: &Path) -> bool {
        let mut grown = false;
        let newest: Vec<PathBuf> = numbers(folder)
            .into_iter()
            .rev()
            .take(NEWEST)
            .map(|number| folder.join(number.to_string()))
            .collect();
        self.synced.retain(|path, _| path.parent() != Some(folder) || newest.contains(path));
        for path in newest {
            let Ok(length) = path.metadata().map(|file| file.len()) else { continue };
            let synced = self.synced.entry(path.clone()).or_default();
            if length >= *synced + SYNC_BYTES {
                sync(&path);
                *synced = length;
                grown = true;
            }
        }
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_synced_each_time_it_has_grown_by_much() {
        let directory = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(directory.path().join("1")).unwrap();
        let mut files = Files::default();
        assert!(!files.look(directory.path()), "an empty file");
        file.set_len(SYNC_BYTES).unwrap();
        assert!(files.look(directory.path()));
        assert!(!files.look(directory.path()), "nothing new");
        file.set_len(2 * SYNC_BYTES - 1).unwrap();
        assert!(!files.look(directory.path()), "too little");
        file.set_len(2 * SYNC_BYTES).unwrap();
        assert!(files.look(directory.path()));
    }

    #[test]
    fn the_thread_ends_with_its_owner() {
        let (sender, receiver) = sync_channel(1);
        let thread = std::thread::spawn(move || run(&receiver, &[]));
        EarlySync(sender).wake();
        thread.join().unwrap();
    }
}
