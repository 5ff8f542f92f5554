//! `refuge backup FILE`: a consistent snapshot of the running node, or of some of its databases, as a file.

mod file;
mod progress;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use refuge_console::Connection;
use serde_json::{Value, json};

use super::Root;
use crate::exit::Failure;
use file::BackupWriter;
pub(crate) use file::{BackupError, BackupFile};
pub(super) use progress::Progress;

/// Write a consistent snapshot of the running node into a file
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file, which must not be there; - for standard output
    file: PathBuf,
    /// Of these databases alone
    databases: Vec<String>,
    #[command(flatten)]
    root: Root,
}

impl Backup {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let root = self.root.absolute()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::Runtime)?;
        if self.file.as_os_str() == "-" {
            let output = BufWriter::new(io::stdout().lock());
            return runtime.block_on(take(&root, self.databases, output)).map(drop);
        }
        if self.file.exists() {
            let there = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(cannot_make(&self.file, there));
        }
        let mut part = self.file.clone().into_os_string();
        part.push(".part");
        let part = PathBuf::from(part);
        // What an earlier one left behind; a file of somebody else's is not written to.
        let _ = fs::remove_file(&part);
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&part)
            .map_err(|error| cannot_make(&part, error))?;
        let taken = runtime.block_on(take(&root, self.databases, BufWriter::new(file)));
        let kept = taken.and_then(|file| keep(file, &part, &self.file));
        if kept.is_err() {
            // What is not whole is no backup.
            let _ = fs::remove_file(&part);
        }
        kept
    }
}

fn cannot_make(path: &Path, source: io::Error) -> Failure {
    Failure::Directory { path: path.to_owned(), source }
}

/// Puts a file that is whole in its place.
fn keep(file: BufWriter<File>, part: &Path, place: &Path) -> Result<(), Failure> {
    let told = |error| cannot_make(place, error);
    let file = file.into_inner().map_err(|error| told(error.into_error()))?;
    file.sync_all().map_err(told)?;
    fs::rename(part, place).map_err(told)?;
    let above = place.parent().filter(|above| !above.as_os_str().is_empty());
    let above = File::open(above.unwrap_or(Path::new("."))).map_err(told)?;
    above.sync_all().map_err(told)
}

/// Takes the blocks as they come.
async fn take<W: Write>(root: &Path, databases: Vec<String>, output: W) -> Result<W, Failure> {
    let mut node = Connection::open(root).await?;
    let about = node.backup(databases).await?;
    let length = about.get("about_bytes").and_then(Value::as_u64);
    let progress = Progress::new("read", length);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let head = json!({
        "version": about.get("version"),
        "format": refuge_storage::FORMAT,
        "databases": about.get("databases"),
        "time": now.as_secs(),
    });
    let mut file = BackupWriter::begin(output, &head)?;
    while let Some(block) = node.block().await? {
        file.block(&block)?;
        progress.add(block.len() as u64);
    }
    let output = file.finish()?;
    progress.ended();
    Ok(output)
}
