//! Threads whose work nobody waits for at once: the system gives them processor time where the others leave
//! some. Without it an index that is being built makes every request wait for its turn.

/// How far they stand back, on the system's scale of 0 to 19: beside a busy thread they get about a tenth of a
/// processor, and all of it where nothing else runs.
#[cfg(target_os = "linux")]
const STANDS_BACK: i32 = 10;

/// Lets the present thread, and those that it starts later, stand back for the others. Lasts: only a privileged
/// process may take it back.
#[cfg(target_os = "linux")]
pub(crate) fn stand_back() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), STANDS_BACK) {
        tracing::debug!(%error, "a background thread runs like any other");
    }
}

/// Elsewhere priorities are of whole processes: it runs like any other.
#[cfg(not(target_os = "linux"))]
pub(crate) fn stand_back() {}
