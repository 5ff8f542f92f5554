//! Whether what lies on the disk may be trusted. Nothing of the indexes is synced for its own sake: while the
//! machine runs, what was written is read again, also after a crash of the process. After a crash of the
//! machine the engine's files ought to hold all writes up to some moment; nobody has proven that here, and
//! an index can be built again.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Holds what names the run of the machine that wrote last; absent after an ordered close.
const FILE: &str = "open";
const TEMPORARY_FILE: &str = "open.new";
/// Is there where something was found that cannot be read.
const CONDEMNED_FILE: &str = "condemned";

/// Names the present run of the machine. `None` where the system does not tell; then nothing that was left
/// open is trusted.
fn run_of_machine() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// Whether an earlier close was in order, or the machine has not been started anew since; and nothing was
/// found that cannot be read.
pub(super) fn is_whole(directory: &Path) -> bool {
    if directory.join(CONDEMNED_FILE).exists() {
        return false;
    }
    match fs::read_to_string(directory.join(FILE)) {
        Err(error) => error.kind() == ErrorKind::NotFound,
        Ok(text) => run_of_machine().is_some_and(|run| text.trim() == run),
    }
}

/// Notes that the directory is open from now on, durably: nothing is written before. What is noted already
/// is left alone, so that a full disk cannot spoil it.
pub(super) fn begin(directory: &Path) -> io::Result<()> {
    let path = directory.join(FILE);
    let run = run_of_machine().unwrap_or_default();
    if fs::read_to_string(&path).is_ok_and(|text| !run.is_empty() && text.trim() == run) {
        return Ok(());
    }
    let temporary = directory.join(TEMPORARY_FILE);
    let mut file = File::create(&temporary)?;
    file.write_all(run.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, &path)?;
    File::open(directory)?.sync_all()
}

/// Notes that all that was written is on the disk.
pub(super) fn end(directory: &Path) -> io::Result<()> {
    fs::remove_file(directory.join(FILE))?;
    File::open(directory)?.sync_all()
}

/// Notes that something cannot be read: the next start builds anew.
pub(super) fn condemn(directory: &Path) -> io::Result<()> {
    File::create(directory.join(CONDEMNED_FILE)).map(drop)
}

/// Forgets that, once all that was there is gone.
pub(super) fn acquit(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(CONDEMNED_FILE)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
