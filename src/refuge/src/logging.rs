//! The log: lines on standard error. Standard output is not for it, and secrets are not for it.

use refuge_config::Settings;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// Begins to log as the settings say; the environment's `RUST_LOG`, when set, decides instead.
/// A wrong `RUST_LOG` is told and the settings count.
pub(crate) fn begin(settings: &Settings) {
    let level = settings.log.level.as_str();
    let (filter, complaint) = choose(std::env::var("RUST_LOG").ok().as_deref(), level);
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_env_filter(filter)
        .finish();
    // An error says that somebody logs already, which is as good.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(error) = complaint {
        tracing::warn!(%error, "RUST_LOG is not understood; log.level counts");
    }
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
