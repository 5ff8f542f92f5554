//! How the next serial is made. Where the last ones are kept is not known here.

/// The serial of the next statement: the time in milliseconds, so that it grows although nothing was
/// written down, and more than the last one where a clock was set back.
#[must_use]
pub fn next_serial(last: Option<u64>, now_ms: u64) -> u64 {
    last.map_or(now_ms, |last| last.saturating_add(1).max(now_ms))
}
