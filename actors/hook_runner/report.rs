//! What the hook runner remembers of the runs, for the log and for the console.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::event::HookEvent;
use super::process::{Ended, Outcome};

/// Runs that are remembered.
const REMEMBERED: usize = 100;

/// One run of one hook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookRun {
    /// The number of the event.
    pub number: u64,
    /// The event: `nodeup`.
    pub event: &'static str,
    /// The id of the node that the event is about; empty where that is this one.
    pub node: String,
    /// The name of what the event is about: a node, a database, an actor.
    pub name: String,
    /// The hook's folder and file: `nodeup.d/10-notify`.
    pub hook: String,
    /// When it started, in milliseconds since 1970 (UTC).
    pub started_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// The exit status; none when it did not exit by itself.
    pub status: Option<i32>,
    /// How it ended, in words: `exit 0`, `signal 9`, `killed after 30s`.
    pub outcome: String,
    /// The beginning of what it said on standard output and standard error.
    pub output: String,
}

/// What the hook runner knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookRuns {
    /// Events that wait for their hooks to run.
    pub waiting: usize,
    /// Events whose hooks run now.
    pub at_work: usize,
    /// Events whose hooks did not run because too many waited.
    pub refused: u64,
    /// The last runs, oldest first.
    pub runs: Vec<HookRun>,
}

/// When a run began and how long it took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) started_ms: u64,
    pub(super) took: Duration,
}

impl HookRun {
    pub(super) fn new(event: &HookEvent, program: &Path, span: Span, ended: Ended) -> Self {
        let text = |path: Option<&std::ffi::OsStr>| {
            path.unwrap_or_default().to_string_lossy().into_owned()
        };
        let folder = text(program.parent().and_then(Path::file_name));
        Self {
            number: event.number,
            event: event.event,
            node: event.node.clone(),
            name: event.name.clone(),
            hook: format!("{folder}/{}", text(program.file_name())),
            started_ms: span.started_ms,
            took_ms: u64::try_from(span.took.as_millis()).unwrap_or(u64::MAX),
            status: match ended.outcome {
                Outcome::Exited(status) => Some(status),
                _ => None,
            },
            outcome: ended.outcome.to_string(),
            output: ended.output,
        }
    }

    /// Writes it to the log; success is news for those who look for it, all else is a warning.
    pub(super) fn log(&self) {
        let Self { number, event, hook, took_ms, outcome, output, .. } = self;
        // As Rust writes a text with its line ends escaped: one line a run.
        if self.status == Some(0) {
            tracing::info!(number, event, hook, took_ms, outcome, ?output, "a hook ran");
        } else {
            tracing::warn!(number, event, hook, took_ms, outcome, ?output, "a hook failed");
        }
    }
}

/// The last runs.
#[derive(Debug, Default)]
pub(super) struct History(VecDeque<HookRun>);

impl History {
    pub(super) fn add(&mut self, run: HookRun) {
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(run);
    }

    pub(super) fn runs(&self) -> Vec<HookRun> {
        self.0.iter().cloned().collect()
    }
}
