//! What functions log, within a bound, until the caller takes it.

use std::cell::RefCell;

/// What functions logged since it was last taken.
#[derive(Debug)]
pub(crate) struct Journal {
    limit_bytes: usize,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<String>,
    bytes: usize,
    dropped: usize,
}

impl Journal {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Journal { limit_bytes, state: RefCell::default() }
    }

    /// Keeps a line, or counts it where there is no room.
    pub(crate) fn add(&self, line: String) {
        let mut state = self.state.borrow_mut();
        // An empty line costs too.
        let bytes = state.bytes.saturating_add(line.len()).saturating_add(size_of::<String>());
        if bytes > self.limit_bytes {
            state.dropped = state.dropped.saturating_add(1);
            return;
        }
        state.bytes = bytes;
        state.lines.push(line);
    }

    /// All lines in their order, and one that tells how many more there were.
    pub(crate) fn take(&self) -> Vec<String> {
        let state = self.state.take();
        let mut lines = state.lines;
        if state.dropped > 0 {
            lines.push(format!("{} more messages were logged and dropped", state.dropped));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_beyond_the_bound_is_counted() {
        let journal = Journal::new(100);
        journal.add("a".repeat(50));
        journal.add("b".repeat(50));
        journal.add("c".into());
        let lines = journal.take();
        assert_eq!(lines[0], "a".repeat(50));
        assert_eq!(lines[1], "c");
        assert_eq!(lines[2], "1 more messages were logged and dropped");
        assert!(journal.take().is_empty());
    }
}
