//! Whether what lies on the disk may be trusted. Nothing of the indexes is synced: while the machine runs,
//! what was written is read again, also after a crash of the process; after a crash of the machine the
//! files may hold some of it and not the rest.

use std::fs;
use std::io;
use std::path::Path;

/// Holds what names the run of the machine that wrote last; absent after an ordered close.
const FILE: &str = "open";

/// Names the present run of the machine. `None` where the system does not tell; then nothing that was left
/// open is trusted.
fn run_of_machine() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned())
}

/// Whether an earlier close was in order, or the machine has not been started anew since.
pub(super) fn is_whole(directory: &Path) -> bool {
    match fs::read_to_string(directory.join(FILE)) {
        Err(_) => true,
        Ok(text) => run_of_machine().is_some_and(|run| text.trim() == run),
    }
}

/// Notes that the directory is open from now on, durably: nothing is written before.
pub(super) fn begin(directory: &Path) -> io::Result<()> {
    let path = directory.join(FILE);
    fs::write(&path, run_of_machine().unwrap_or_default())?;
    fs::File::open(&path)?.sync_all()?;
    fs::File::open(directory)?.sync_all()
}

/// Notes that all that was written is on the disk.
pub(super) fn end(directory: &Path) -> io::Result<()> {
    fs::remove_file(directory.join(FILE))?;
    fs::File::open(directory)?.sync_all()
}
