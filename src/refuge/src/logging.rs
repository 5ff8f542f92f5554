//! The log: lines on standard error. Standard output is not for it, and secrets are not for it.

use std::sync::{Arc, Mutex, PoisonError};

use refuge_config::Settings;
use refuge_supervisors::SetLogLevel;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Begins to log as the settings say, and gives back how to say it anew; the environment's `RUST_LOG`,
/// when set, decides instead. A wrong `RUST_LOG` is told and the settings count.
pub(crate) fn begin(settings: &Settings) -> SetLogLevel {
    let level = settings.log.level.as_str();
    let environment = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let (filter, complaint) = choose(environment.as_deref(), level);
    let settings_count = environment.is_none() || complaint.is_some();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_env_filter(filter)
        .with_filter_reloading();
    let reload = subscriber.reload_handle();
    let subscriber = subscriber.finish();
    // An error says that somebody logs already, which is as good.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(error) = complaint {
        tracing::warn!(%error, "RUST_LOG is not understood; log.level counts");
    }
    let in_force = Mutex::new(settings.log.level);
    Arc::new(move |level| {
        let mut in_force = in_force.lock().unwrap_or_else(PoisonError::into_inner);
        if settings_count && *in_force != level {
            *in_force = level;
            // It fails only where nobody logs.
            let _ = reload.reload(EnvFilter::new(level.as_str()));
        }
    })
}

fn choose(environment: Option<&str>, level: &str) -> (EnvFilter, Option<ParseError>) {
    match environment.filter(|text| !text.is_empty()).map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(level), Some(error)),
        None => (EnvFilter::new(level), None),
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
}
