//! What people see of a replication: a bar on a terminal, else a line now and then, both on standard error;
//! at the end what came of it on standard output, and each refused document on standard error.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use serde_json::Value;

/// Time between two lines where there is no terminal.
const LINES: Duration = Duration::from_secs(5);
/// A bar of changes, and what else is known.
const TEMPLATE: &str = "{bar:30} {percent:>3} % {msg}";

/// Shows it.
pub(super) struct Progress {
    /// On a terminal.
    bar: Option<ProgressBar>,
    /// The last state, and when it was told as a line.
    last: Option<(String, Instant)>,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            // A template that is not taken would be ours, and the usual one is good enough.
            let style = ProgressStyle::with_template(TEMPLATE);
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        Self { bar, last: None }
    }

    /// How it fares now.
    pub(super) fn show(&mut self, told: &Value) {
        let facts = Facts::of(told);
        if let Some(bar) = &self.bar {
            bar.set_length(facts.all());
            bar.set_position(facts.done);
            bar.set_message(facts.sentence());
            return;
        }
        let now = Instant::now();
        let is_news = self
            .last
            .as_ref()
            .is_none_or(|(state, at)| *state != facts.state || now.duration_since(*at) >= LINES);
        if is_news {
            complain(&facts.sentence());
            self.last = Some((facts.state, now));
        }
    }

    /// It came to its good end.
    pub(super) fn ended(&self, answer: &Value, json: bool) {
        self.clear();
        for refused in answer.get("refused").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| refused.get(name).and_then(Value::as_str).unwrap_or_default();
            complain(&format!("refused: {}: {}: {}", text("id"), text("error"), text("reason")));
        }
        let line = if json { answer.to_string() } else { summary(answer) };
        // A reader that went away has seen enough.
        let _ = writeln!(std::io::stdout(), "{line}");
    }

    pub(super) fn interrupted(&self) {
        self.clear();
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// What a look at the node brought.
struct Facts {
    state: String,
    error: Option<String>,
    done: u64,
    pending: Option<u64>,
    written: u64,
    refused: u64,
    documents_per_second: f64,
    bytes_per_second: f64,
    seconds_left: Option<u64>,
}

impl Facts {
    fn of(told: &Value) -> Self {
        let task = told.get("task");
        let member = |name: &str| task.and_then(|task| task.get(name));
        let count = |name: &str| member(name).and_then(Value::as_u64);
        let speed = |name: &str| member(name).and_then(Value::as_f64).unwrap_or_default();
        let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            state: text("state").unwrap_or_default(),
            error: text("error").or_else(|| member("error")?.as_str().map(str::to_owned)),
            done: count("changes_done").unwrap_or(0),
            pending: count("changes_pending"),
            written: count("docs_written").unwrap_or(0),
            refused: count("doc_write_failures").unwrap_or(0),
            documents_per_second: speed("docs_per_second"),
            bytes_per_second: speed("bytes_per_second"),
            seconds_left: count("seconds_left"),
        }
    }

    fn all(&self) -> u64 {
        self.done + self.pending.unwrap_or(0)
    }

    fn sentence(&self) -> String {
        let mut parts = vec![
            self.state.clone(),
            format!("{} of {} changes", HumanCount(self.done), HumanCount(self.all())),
            format!("{} documents written", HumanCount(self.written)),
        ];
        if self.refused > 0 {
            parts.push(format!("{} refused", HumanCount(self.refused)));
        }
        if self.documents_per_second > 0.0 {
            let bytes = HumanBytes(self.bytes_per_second as u64);
            parts.push(format!("{:.0} documents/s", self.documents_per_second));
            parts.push(format!("{bytes}/s"));
        }
        if let Some(seconds) = self.seconds_left.filter(|seconds| *seconds > 0) {
            parts.push(format!("{} left", HumanDuration(Duration::from_secs(seconds))));
        }
        parts.extend(self.error.clone());
        parts.join(", ")
    }
}

fn summary(answer: &Value) -> String {
    if answer.get("no_changes").is_some() {
        return "done: nothing was to be replicated".to_owned();
    }
    let session = answer.pointer("/history/0");
    let count = |name: &str| session.and_then(|one| one.get(name)).and_then(Value::as_u64);
    let count = |name: &str| HumanCount(count(name).unwrap_or(0));
    format!(
        "done: {} documents written, {} refused; {} of {} revisions were missing",
        count("docs_written"),
        count("doc_write_failures"),
        count("missing_found"),
        count("missing_checked"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_look_is_told_in_a_sentence() {
        let task = json!({
            "changes_done": 1_500, "changes_pending": 8_500, "docs_written": 1_200,
            "doc_write_failures": 3, "docs_per_second": 120.4, "bytes_per_second": 2_048.0,
            "seconds_left": 71,
        });
        let facts = Facts::of(&json!({"state": "running", "error": null, "task": task}));
        assert_eq!(
            facts.sentence(),
            "running, 1,500 of 10,000 changes, 1,200 documents written, 3 refused, \
             120 documents/s, 2.00 KiB/s, 71 seconds left"
        );
        let facts = Facts::of(&json!({"state": "pending"}));
        assert_eq!(facts.sentence(), "pending, 0 of 0 changes, 0 documents written");
    }

    #[test]
    fn the_end_is_told_in_a_line() {
        let session = json!({
            "docs_written": 20, "doc_write_failures": 1, "missing_found": 21,
            "missing_checked": 1_000,
        });
        let told = summary(&json!({"ok": true, "history": [session]}));
        assert_eq!(
            told,
            "done: 20 documents written, 1 refused; 21 of 1,000 revisions were missing"
        );
        let told = summary(&json!({"ok": true, "no_changes": true, "history": []}));
        assert_eq!(told, "done: nothing was to be replicated");
    }
}
