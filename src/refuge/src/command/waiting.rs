//! Waiting for what a running node was told to do: that its process ends, that all of it is up again.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde_json::Value;

use super::console;
use crate::exit::Failure;

/// Between two looks: what is waited for takes a part of a second.
const LOOK: Duration = Duration::from_millis(10);
/// The ordered shutdown has 5 s, hooks of `stopping` have 2 s before it; what takes longer hangs.
pub(super) const MOST: Duration = Duration::from_secs(30);

/// The process of a node, as it tells itself.
pub(super) fn process(status: &Value) -> Option<Pid> {
    let number = status.get("pid").and_then(Value::as_i64)?;
    Pid::from_raw(i32::try_from(number).ok()?)
}

/// Waits until there is no such process.
pub(super) fn until_ended(process: Pid) -> Result<(), Failure> {
    wait(|| (!lives(process)).then_some(()))
}

/// Whether a process runs. One that has ended and waits for its parent to hear of it does not.
pub(super) fn lives(process: Pid) -> bool {
    // One of another user lives, too.
    let is_there = matches!(test_kill_process(process), Ok(()) | Err(Errno::PERM));
    is_there && !is_zombie(process)
}

/// What the system tells of a process: its number, its name in brackets, its state. Where that is not told,
/// nobody knows.
fn is_zombie(process: Pid) -> bool {
    let path = format!("/proc/{}/stat", process.as_raw_nonzero());
    let told = std::fs::read_to_string(path).unwrap_or_default();
    told.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('Z'))
}

/// Waits until a node answers `ping` after its start or restart; `is_new` tells that from before.
pub(super) fn until_up(root: &Path, is_new: impl Fn(&Value) -> bool) -> Result<Value, Failure> {
    wait(|| look_up(root, &is_new))
}

fn look_up(root: &Path, is_new: impl Fn(&Value) -> bool) -> Option<Value> {
    let session = console::Session::open(root).ok()?;
    session.request(&console::command("ping")).ok()?;
    let status = session.request(&console::command("status")).ok()?;
    is_new(&status).then_some(status)
}

/// The same, as long as there is a reason to wait.
pub(super) fn until_up_or(root: &Path, is_over: impl Fn() -> bool) -> Option<Value> {
    let up = |_: &Value| true;
    let found = wait(|| if is_over() { Some(None) } else { Some(Some(look_up(root, up)?)) });
    found.ok().flatten()
}

fn wait<T>(look: impl Fn() -> Option<T>) -> Result<T, Failure> {
    let limit = Instant::now() + MOST;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if Instant::now() >= limit {
            return Err(Failure::NotDone(MOST));
        }
        std::thread::sleep(LOOK);
    }
}
