//! The last lines of the log, in memory, for whoever looks at them on the console.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// Lines that are kept.
const LINES: usize = 1_000;
/// What is kept of one; few are longer, and together they are bounded so.
const LINE_BYTES: usize = 2 * 1024;

/// Takes lines in; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct LastLines(Arc<Mutex<VecDeque<String>>>);

impl LastLines {
    /// So many of the last ones, oldest first.
    pub(super) fn read(&self, most: usize) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(most)).cloned().collect()
    }
}

/// An event comes as one write.
impl Write for LastLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let kept = bytes.get(..LINE_BYTES).unwrap_or(bytes);
        let line = String::from_utf8_lossy(kept).trim_end().to_owned();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= LINES {
            lines.pop_front();
        }
        lines.push_back(line);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'writer> MakeWriter<'writer> for LastLines {
    type Writer = Self;

    fn make_writer(&'writer self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_leave_and_long_ones_are_cut() {
        let mut lines = LastLines::default();
        for number in 0..LINES + 5 {
            lines.write_all(format!("{number}\n").as_bytes()).unwrap();
        }
        assert_eq!(lines.read(2), [(LINES + 3).to_string(), (LINES + 4).to_string()]);
        assert_eq!(lines.read(usize::MAX).len(), LINES);
        lines.write_all("x".repeat(LINE_BYTES * 2).as_bytes()).unwrap();
        assert_eq!(lines.read(1)[0].len(), LINE_BYTES);
    }
}
