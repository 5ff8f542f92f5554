//! Holds the tables that a merge replaces until the engine forgot them, so that they are deleted here and
//! not by the engine, which keeps the tree locked meanwhile: deleting one takes milliseconds, and every
//! commit would wait.

use std::any::Any;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fjall::{AbstractTree, Keyspace};

/// Tables of the trees as they were before merges.
#[derive(Default)]
pub(crate) struct Retired(Mutex<Vec<Version>>);

struct Version {
    /// The engine's own files of this version and those that came while the merge ran; each goes when
    /// the engine forgets its version.
    files: Vec<PathBuf>,
    /// Holds the tables; its type has no name outside the engine.
    _tables: Box<dyn Any + Send>,
}

impl Retired {
    /// Runs a merge and holds the tables that there were before it.
    pub(super) fn hold<T>(&self, keyspace: &Keyspace, merge: impl FnOnce() -> T) -> T {
        let before = keyspace.tree.current_version();
        let result = merge();
        let replaced = before.id()..keyspace.tree.current_version().id();
        let files = replaced.map(|id| keyspace.path().join(format!("v{id}"))).collect();
        self.held().push(Version { files, _tables: Box::new(before) });
        self.let_go();
        result
    }

    /// Lets go of what the engine forgot; tables that nobody else holds are deleted.
    pub(super) fn let_go(&self) {
        let is_forgotten = |version: &mut Version| !version.files.iter().any(|file| file.exists());
        let forgotten: Vec<Version> = self.held().extract_if(.., is_forgotten).collect();
        drop(forgotten);
    }

    fn held(&self) -> MutexGuard<'_, Vec<Version>> {
        // Pushed or taken whole: whoever panicked left nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Retired {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Retired").field(&self.held().len()).finish()
    }
}
