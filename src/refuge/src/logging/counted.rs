//! How many lines were written to the log, by their level: lines of the process, whichever node wrote them.

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Counts the lines that pass.
pub(super) struct Counted;

impl<S: Subscriber> Layer<S> for Counted {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = name(*event.metadata().level());
        // Nothing is counted before somebody keeps the counts.
        metrics::counter!("refuge_log_lines_total", "level" => level).increment(1);
    }
}

/// CouchDB's name of a level.
fn name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        _ => "debug",
    }
}
