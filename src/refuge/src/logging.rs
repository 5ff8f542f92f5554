//! The log: lines on standard error, or in files of which each day has its own. The last lines are kept in
//! memory for the console. Standard output is not for it, and secrets are not for it.

mod counted;
mod last_lines;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use refuge_config::{Layout, Log, Settings};
use refuge_supervisors::{ReadLog, SetLogLevel};
use tracing::Subscriber;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

use crate::exit::Failure;
use counted::Counted;
use last_lines::LastLines;

/// What names of log files begin with; the day follows.
const FILE_NAME: &str = "refuge.log";

/// The running log.
pub(crate) struct Logging {
    set_level: SetLogLevel,
    last: LastLines,
}

impl Logging {
    /// How is said anew how much is logged.
    pub(crate) fn set_level(&self) -> SetLogLevel {
        Arc::clone(&self.set_level)
    }

    /// How the last lines are read.
    pub(crate) fn read(&self) -> ReadLog {
        let last = self.last.clone();
        Arc::new(move |lines| last.read(lines))
    }
}

/// Begins to log as the settings say; the environment's `RUST_LOG`, when set, decides how much instead. A
/// wrong `RUST_LOG` is told and the settings count. `to_files` is for nodes without a terminal, whose log
/// goes to files also where no setting says so.
pub(crate) fn begin(settings: &Settings, to_files: bool) -> Result<Logging, Failure> {
    let environment = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let (filter, complaint) = choose(environment.as_deref(), &settings.log.filter());
    let settings_count = environment.is_none() || complaint.is_some();
    let (filter, handle) = reload::Layer::new(filter);
    let last = LastLines::default();
    let output = output(settings, to_files)?.and(last.clone());
    let lines = lines(&settings.log.format, output);
    let subscriber = Registry::default().with(filter).with(lines).with(Counted);
    // An error says that somebody logs already, which is as good.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(error) = complaint {
        tracing::warn!(%error, "RUST_LOG is not understood; log.level counts");
    }
    tell_of_what_is_left_out(&settings.log);
    let in_force = Mutex::new(settings.log.filter());
    let set_level: SetLogLevel = Arc::new(move |log: &Log| {
        let wanted = log.filter();
        let mut in_force = in_force.lock().unwrap_or_else(PoisonError::into_inner);
        if !settings_count || *in_force == wanted {
            return;
        }
        match EnvFilter::try_new(&wanted) {
            Ok(filter) => {
                // It fails only where nobody logs.
                let _ = handle.reload(filter);
                *in_force = wanted;
                tell_of_what_is_left_out(log);
            }
            Err(error) => tracing::warn!(%error, "log.modules is not understood; all stays"),
        }
    });
    Ok(Logging { set_level, last })
}

/// Says that a release knows no `trace`, where somebody asks for it.
fn tell_of_what_is_left_out(log: &Log) {
    if log.wants_trace() && STATIC_MAX_LEVEL < LevelFilter::TRACE {
        tracing::warn!(
            "releases leave out what the level trace would add: debug is the most that is logged"
        );
    }
}

/// Where lines go to.
fn output(settings: &Settings, to_files: bool) -> Result<BoxMakeWriter, Failure> {
    let directory: PathBuf = match settings.log.directory.trim() {
        "" if to_files => Layout::new(&settings.root).log(),
        "" => return Ok(BoxMakeWriter::new(std::io::stderr)),
        directory => settings.root.join(directory),
    };
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(FILE_NAME)
        .max_log_files(settings.log.keep_days)
        .build(&directory);
    let told = |error| Failure::Directory {
        path: directory.clone(),
        source: std::io::Error::other(error),
    };
    Ok(BoxMakeWriter::new(Mutex::new(files.map_err(told)?)))
}

/// Lines for people, or JSON for programs.
fn lines<S, W>(format: &str, output: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(output).with_ansi(false);
    match format {
        "json" => layer.json().flatten_event(true).boxed(),
        _ => layer.boxed(),
    }
}

fn choose(environment: Option<&str>, settings: &str) -> (EnvFilter, Option<ParseError>) {
    let by_settings = || EnvFilter::try_new(settings).unwrap_or_else(|_| EnvFilter::new("info"));
    match environment.filter(|text| !text.is_empty()).map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (by_settings(), Some(error)),
        None => (by_settings(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_when_it_is_set_and_right() {
        let chosen = |environment| {
            let (filter, complaint) = choose(environment, "info");
            (filter.to_string(), complaint.is_some())
        };
        assert_eq!(chosen(None), ("info".to_owned(), false));
        assert_eq!(chosen(Some("")), ("info".to_owned(), false));
        assert_eq!(chosen(Some("debug")), ("debug".to_owned(), false));
        assert_eq!(chosen(Some("refuge=loudest")), ("info".to_owned(), true));
    }

    #[test]
    fn a_line_of_json_holds_what_a_line_for_people_does() {
        let last = LastLines::default();
        for format in ["text", "json"] {
            let subscriber = Registry::default().with(lines(format, last.clone()));
            tracing::subscriber::with_default(subscriber, || tracing::info!(port = 7, "listening"));
        }
        let told = last.read(2);
        assert!(told[0].ends_with("listening port=7"), "{told:?}");
        let json: serde_json::Value = serde_json::from_str(&told[1]).unwrap();
        assert_eq!((&json["message"], &json["port"]), (&"listening".into(), &7.into()));
    }
}
