//! How far a backup or a restore is, for a person who waits; nothing where nobody looks at a terminal.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// With a length that is known about.
const BAR: &str = "{bar:30} {bytes} of about {total_bytes}, {bytes_per_sec} {msg}";
/// Without one.
const SPINNER: &str = "{spinner} {bytes}, {bytes_per_sec} {msg}";

/// Shows it on standard error.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Of `length` bytes, where that is known about.
    pub(crate) fn new(doing: &'static str, length: Option<u64>) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let (bar, template) = match length {
            Some(length) => (ProgressBar::new(length), BAR),
            None => (ProgressBar::new_spinner(), SPINNER),
        };
        // A template that is not taken would be ours, and the usual one is good enough.
        let style = ProgressStyle::with_template(template);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(bar.with_style(style).with_message(doing))
    }

    /// So many are there already.
    pub(crate) fn begin_at(&self, bytes: u64) {
        self.add(bytes);
        // They tell nothing of how fast it goes.
        self.0.reset_elapsed();
        self.0.reset_eta();
    }

    /// So many more.
    pub(crate) fn add(&self, bytes: u64) {
        // What was known about was too little.
        if self.0.length().is_some_and(|length| self.0.position() + bytes > length) {
            self.0.set_length(self.0.position() + bytes);
        }
        self.0.inc(bytes);
    }

    /// It came to its end.
    pub(crate) fn ended(&self) {
        self.0.finish_and_clear();
    }
}
