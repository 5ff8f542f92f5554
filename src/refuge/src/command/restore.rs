//! `refuge restore FILE`: a backup put where no data is, while no node runs there.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;
use refuge_config::Layout;
use refuge_storage::{Options, RestoreError, Restoring, settle};
use xxhash_rust::xxh3::xxh3_128;

use super::backup::{BackupError, BackupFile, Progress};
use super::{Root, console};
use crate::exit::Failure;

/// Read ahead of the file.
const BUFFER_BYTES: usize = 1024 * 1024;

/// Put a backup in place of the data of a node that has none and does not run
///
/// Where it breaks off, the same command does it all again, and no node starts there meanwhile.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The file; - for standard input
    file: PathBuf,
    #[command(flatten)]
    root: Root,
}

impl Restore {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let root = self.root.absolute()?;
        if console::ask(&root, &console::command("status")).is_ok() {
            return Err(Failure::Running(root));
        }
        if self.file.as_os_str() == "-" {
            return put(root, BufReader::with_capacity(BUFFER_BYTES, io::stdin().lock()), None);
        }
        let unreadable = |source| Failure::NoBackup { path: self.file.clone(), source };
        let file = File::open(&self.file).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        put(root, BufReader::with_capacity(BUFFER_BYTES, file), Some(length))
    }
}

fn put(root: PathBuf, input: impl BufRead, length: Option<u64>) -> Result<(), Failure> {
    let mut backup = BackupFile::begin(input)?;
    let format = backup.head.get("format").and_then(serde_json::Value::as_u64).unwrap_or(0);
    if format > u64::from(refuge_storage::FORMAT) {
        return Err(
            BackupError::NewerFormat { found: format, known: refuge_storage::FORMAT }.into()
        );
    }
    let layout = Layout::new(root);
    crate::directories::make(&layout)?;
    let from = format!("{:032x}", xxh3_128(backup.head.to_string().as_bytes()));
    if ended(&layout, &from)? {
        return Ok(());
    }
    let mut restoring = Restoring::begin(Options::new(layout.data()))?;
    let progress = Progress::new("put back", length);
    while let Some((block, read)) = backup.block()? {
        restoring.block(&block)?;
        progress.add(read);
    }
    restoring.finish(&from)?;
    // Its directory is a new one.
    crate::directories::make(&layout)?;
    ended(&layout, &from)?;
    progress.ended();
    Ok(())
}

/// Ends a restore of this backup whose data is in its place; whether there is one.
fn ended(layout: &Layout, from: &str) -> Result<bool, Failure> {
    let io = |source| RestoreError::Io { path: layout.data(), source };
    Ok(settle(&layout.data(), from).map_err(io)?)
}
