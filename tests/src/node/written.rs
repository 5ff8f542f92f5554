//! What a process writes, line by line, for everybody who waits for a line.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use crate::PATIENCE;

/// What was written so far, and whether more can come.
#[derive(Clone, Default)]
pub(super) struct Written(Arc<(Mutex<Text>, Condvar)>);

#[derive(Default)]
struct Text {
    lines: Vec<String>,
    ended: bool,
}

impl Written {
    /// Reads a stream to its end, on a thread of its own.
    pub(super) fn of(stream: impl Read + Send + 'static) -> Self {
        let written = Self::default();
        let reader = written.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                reader.text().lines.push(line);
                reader.0.1.notify_all();
            }
            reader.text().ended = true;
            reader.0.1.notify_all();
        });
        written
    }

    /// A test that failed while it looked leaves what was written as it is.
    fn text(&self) -> MutexGuard<'_, Text> {
        self.0.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.text().lines.clone()
    }

    /// The first line that satisfies `choice`; waits for it.
    pub(super) fn wait<T>(&self, choice: impl Fn(&str) -> Option<T>) -> Result<T, String> {
        let limit = Instant::now() + PATIENCE;
        let mut text = self.text();
        loop {
            if let Some(found) = text.lines.iter().find_map(|line| choice(line)) {
                return Ok(found);
            }
            if text.ended {
                return Err(format!("it ended; it wrote {:#?}", text.lines));
            }
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("not within {PATIENCE:?}; it wrote {:#?}", text.lines));
            }
            text = self.0.1.wait_timeout(text, left).expect("no reader panics").0;
        }
    }
}
