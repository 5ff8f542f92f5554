//! A backup that becomes a file, in one go or in several: each goes on behind the last block that is whole, with
//! the snapshot of the first. Where that cannot be, a new one begins and the command says so: half a backup is
//! of no use to anybody, and whoever runs the command every night is not helped by one that waits for him.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;
use refuge_console::Connection;
use serde_json::Value;

use super::file::BackupWriter;
use super::part::{Part, Whole};
use super::{Progress, cannot_make, head, length, write};
use crate::exit::Failure;

/// A backup under way.
struct Making {
    /// Its file until it is whole.
    part: PathBuf,
    writer: BackupWriter<BufWriter<File>>,
    progress: Progress,
    /// For so long the node keeps the snapshot where this breaks off.
    kept_seconds: u64,
}

/// Makes `place`, or goes on making it.
pub(super) async fn make(
    root: &Path,
    mut databases: Vec<String>,
    place: &Path,
) -> Result<(), Failure> {
    refuse_if_there(place)?;
    databases.sort();
    databases.dedup();
    let mut node = Connection::open(root).await?;
    let mut part = place.to_owned().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    let making = match go_on(&mut node, &part, &databases).await? {
        Ok(making) => making,
        Err(why) => {
            if let Some(why) = why {
                say(&format!("{}: {why}: a new backup begins", part.display()));
            }
            begin(&mut node, &part, databases).await?
        }
    };
    let (part, kept_seconds) = (making.part.clone(), making.kept_seconds);
    let whole = making.finish(&mut node, place).await;
    whole.map_err(|why| Failure::BrokeOff { why: Box::new(why), part, kept_seconds })?;
    // Where the node does not hear of it, it keeps the snapshot for a while.
    let _ = node.let_snapshot_go().await;
    Ok(())
}

/// A file is never written over.
fn refuse_if_there(place: &Path) -> Result<(), Failure> {
    if place.exists() {
        return Err(cannot_make(place, std::io::ErrorKind::AlreadyExists.into()));
    }
    Ok(())
}

/// What a person may want to know while the command goes on.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "refuge: {what}");
}

/// Goes on with what is there. Else why not, where there is something.
async fn go_on(
    node: &mut Connection,
    path: &Path,
    databases: &[String],
) -> Result<Result<Making, Option<&'static str>>, Failure> {
    let Some(part) = Part::there(path)? else { return Ok(Err(None)) };
    let Some((head, begun)) = part.begun() else {
        return Ok(Err(Some("this is not the beginning of a backup")));
    };
    let gone = "the snapshot that it was begun with is kept no more, or by another node";
    let Some(snapshot) = head.get("snapshot").and_then(Value::as_str) else {
        return Ok(Err(Some(gone)));
    };
    let Some(about) = node.hold_snapshot_again(snapshot.to_owned()).await? else {
        return Ok(Err(Some(gone)));
    };
    if !is_of(&head, databases) {
        // Nobody will go on with it.
        let _ = node.let_snapshot_go().await;
        return Ok(Err(Some("this is the beginning of a backup of other databases")));
    }
    let whole = begun.whole();
    if node.backup_from(whole.behind.as_deref()).await?.is_none() {
        let _ = node.let_snapshot_go().await;
        return Ok(Err(Some("it broke off too often to be gone on with")));
    }
    let Whole { length: bytes, so_far, .. } = whole;
    let (blocks, plain) = (so_far.blocks, so_far.plain_bytes);
    let file = part.cut_off(bytes).map_err(|error| cannot_make(path, error))?;
    say(&format!(
        "{}: going on behind block {blocks}, {} of the data are there",
        path.display(),
        HumanBytes(plain)
    ));
    let writer = BackupWriter::behind(BufWriter::new(file), so_far);
    let making = Making::new(path, writer, &about);
    making.progress.begin_at(plain);
    Ok(Ok(making))
}

/// Whether a backup that says this of itself is of these databases.
fn is_of(head: &Value, databases: &[String]) -> bool {
    let of = head.get("databases").and_then(Value::as_array);
    let of: Vec<&str> = of.into_iter().flatten().filter_map(Value::as_str).collect();
    of == databases
}

/// Begins with a new snapshot.
async fn begin(
    node: &mut Connection,
    path: &Path,
    databases: Vec<String>,
) -> Result<Making, Failure> {
    let about = node.hold_snapshot(databases).await?;
    let made = Part::make(path);
    if made.is_err() {
        // Nobody goes on with what was not begun.
        let _ = node.let_snapshot_go().await;
    }
    let writer = BackupWriter::begin(BufWriter::new(made?), &head(&about))?;
    node.backup_from(None).await?;
    Ok(Making::new(path, writer, &about))
}

impl Making {
    fn new(part: &Path, writer: BackupWriter<BufWriter<File>>, about: &Value) -> Self {
        let kept_seconds = about.get("kept_seconds").and_then(Value::as_u64).unwrap_or(0);
        let progress = Progress::new("read", length(about));
        Self { part: part.to_owned(), writer, progress, kept_seconds }
    }

    /// Writes what is missing and puts the file in its place.
    async fn finish(mut self, node: &mut Connection, place: &Path) -> Result<(), Failure> {
        tokio::select! {
            written = write(node, &mut self.writer, &self.progress) => written?,
            _ = tokio::signal::ctrl_c() => return Err(Failure::Stopped),
        }
        let file = self.writer.finish()?;
        keep(file, &self.part, place)?;
        self.progress.ended();
        Ok(())
    }
}

/// Puts a file that is whole in its place.
fn keep(file: BufWriter<File>, part: &Path, place: &Path) -> Result<(), Failure> {
    let told = |error| cannot_make(place, error);
    let file = file.into_inner().map_err(|error| told(error.into_error()))?;
    file.sync_all().map_err(told)?;
    refuse_if_there(place)?;
    std::fs::rename(part, place).map_err(told)?;
    let above = place.parent().filter(|above| !above.as_os_str().is_empty());
    let above = File::open(above.unwrap_or(Path::new("."))).map_err(told)?;
    above.sync_all().map_err(told)
}
