//! `refuge backup FILE`: a consistent snapshot of the running node, or of some of its databases, as a file.

mod file;
mod making;
mod part;
mod progress;

use std::io::{self, BufWriter, Write};
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
///
/// Where it breaks off, what came so far is in FILE.part, and the same command goes on with the same snapshot
/// as long as the node keeps it: 10 minutes, of the last 2 that broke off. Later it begins anew.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file, which must not be there; - for standard output, which nothing goes on with
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
            return runtime.block_on(pass(&root, self.databases, output));
        }
        runtime.block_on(making::make(&root, self.databases, &self.file))
    }
}

fn cannot_make(path: &Path, source: io::Error) -> Failure {
    Failure::Directory { path: path.to_owned(), source }
}

/// What a backup's file tells of itself; `about` is what the node tells.
fn head(about: &Value) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut head = json!({
        "version": about.get("version"),
        "format": refuge_storage::FORMAT,
        "databases": about.get("databases"),
        "time": now.as_secs(),
    });
    // The name of the snapshot, where the node keeps it for whoever goes on.
    if let (Some(members), Some(name)) = (head.as_object_mut(), about.get("snapshot")) {
        members.insert("snapshot".to_owned(), name.clone());
    }
    head
}

/// How much it is, about.
fn length(about: &Value) -> Option<u64> {
    about.get("about_bytes").and_then(Value::as_u64)
}

/// Passes the blocks on as they come.
async fn pass(root: &Path, databases: Vec<String>, output: impl Write) -> Result<(), Failure> {
    let mut node = Connection::open(root).await?;
    let about = node.backup(databases).await?;
    let progress = Progress::new("read", length(&about));
    let mut file = BackupWriter::begin(output, &head(&about))?;
    write(&mut node, &mut file, &progress).await?;
    file.finish()?;
    progress.ended();
    Ok(())
}

/// Writes all blocks that the node still has.
async fn write(
    node: &mut Connection,
    file: &mut BackupWriter<impl Write>,
    progress: &Progress,
) -> Result<(), Failure> {
    while let Some(block) = node.block().await? {
        file.block(&block)?;
        progress.add(block.len() as u64);
    }
    Ok(())
}
