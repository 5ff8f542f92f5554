//! The parameters that all feeds know, with CouchDB 3.5's defaults and texts.

use std::time::Duration;

use crate::failure::Failure;

/// The longest that any feed waits for a change: what the configuration takes at most. How long it waits
/// at most by the configuration in force is for [`Patience::within`].
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// How the rows of a feed are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FeedKind {
    /// All there are, then the end.
    #[default]
    Normal,
    /// All there are; where there are none, the first that comes.
    LongPoll,
    /// One object a line, without an end.
    Continuous,
    /// Server-sent events, without an end.
    EventSource,
}

impl FeedKind {
    /// Whether such a feed stays open behind so many rows.
    pub(crate) fn stays_open(self, told: usize) -> bool {
        match self {
            Self::Normal => false,
            Self::LongPoll => told == 0,
            Self::Continuous | Self::EventSource => true,
        }
    }
}

/// What happens when nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A sign of life goes out each time that long passed; the feed has no end.
    Heartbeat(Duration),
    /// The feed ends after that long.
    Timeout(Duration),
}

impl Patience {
    /// The same, but at most so long: CouchDB's `changes_timeout`.
    pub(crate) fn within(self, longest: Duration) -> Self {
        match self {
            Self::Heartbeat(interval) => Self::Heartbeat(interval.min(longest)),
            Self::Timeout(interval) => Self::Timeout(interval.min(longest)),
        }
    }

    /// How long nothing may happen.
    pub(crate) fn interval(self) -> Duration {
        match self {
            Self::Heartbeat(interval) | Self::Timeout(interval) => interval,
        }
    }
}

impl Default for Patience {
    fn default() -> Self {
        Self::Timeout(LONGEST_WAIT)
    }
}

/// `heartbeat` and `timeout` as they are read, in any order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Waiting {
    heartbeat: Option<Duration>,
    timeout: Option<Duration>,
}

impl Waiting {
    /// Reads `heartbeat`: milliseconds, or `true` for the longest there is.
    pub(crate) fn read_heartbeat(&mut self, value: &str) -> Result<(), Failure> {
        self.heartbeat = Some(match (value, value.parse::<i64>().map(u64::try_from)) {
            ("true", _) => LONGEST_WAIT,
            (_, Ok(Ok(milliseconds @ 1..))) => bounded(milliseconds),
            (_, Ok(_)) => {
                return Err(bad(
                    "The heartbeat value should be a positive integer (in milliseconds).",
                ));
            }
            (_, Err(_)) => {
                return Err(bad(
                    "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).",
                ));
            }
        });
        Ok(())
    }

    /// Reads `timeout`: milliseconds.
    pub(crate) fn read_timeout(&mut self, value: &str) -> Result<(), Failure> {
        let milliseconds = value.parse().map_err(|_| {
            bad("The timeout value should be a non-negative integer (in milliseconds).")
        })?;
        self.timeout = Some(bounded(milliseconds));
        Ok(())
    }

    /// What was asked for; a heartbeat beats a timeout.
    pub(crate) fn patience(self) -> Patience {
        match (self.heartbeat, self.timeout) {
            (Some(heartbeat), _) => Patience::Heartbeat(heartbeat),
            (None, Some(timeout)) => Patience::Timeout(timeout),
            (None, None) => Patience::default(),
        }
    }
}

/// Reads `feed`.
pub(crate) fn parse_kind(value: &str) -> Result<FeedKind, Failure> {
    match value {
        "normal" => Ok(FeedKind::Normal),
        "longpoll" => Ok(FeedKind::LongPoll),
        "continuous" | "live" => Ok(FeedKind::Continuous),
        "eventsource" => Ok(FeedKind::EventSource),
        _ => Err(bad("Supported `feed` types: normal, continuous, live, longpoll, eventsource")),
    }
}

/// Reads `limit`.
pub(crate) fn parse_limit(value: &str) -> Result<usize, Failure> {
    value.parse().map_err(|_| bad("The limit value should be a non-negative integer."))
}

fn bounded(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds).min(LONGEST_WAIT)
}

fn bad(reason: &str) -> Failure {
    Failure::BadRequest(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(heartbeat: Option<&str>, timeout: Option<&str>) -> Result<Patience, Failure> {
        let mut waiting = Waiting::default();
        heartbeat.map_or(Ok(()), |value| waiting.read_heartbeat(value))?;
        timeout.map_or(Ok(()), |value| waiting.read_timeout(value))?;
        Ok(waiting.patience())
    }

    #[test]
    fn a_heartbeat_beats_a_timeout_and_neither_is_longer_than_allowed() {
        let second = Duration::from_secs(1);
        assert_eq!(patience(None, None), Ok(Patience::Timeout(LONGEST_WAIT)));
        assert_eq!(patience(Some("true"), None), Ok(Patience::Heartbeat(LONGEST_WAIT)));
        assert_eq!(patience(Some("1000"), Some("5")), Ok(Patience::Heartbeat(second)));
        assert_eq!(patience(None, Some("1000")), Ok(Patience::Timeout(second)));
        assert_eq!(patience(None, Some("99999999")), Ok(Patience::Timeout(LONGEST_WAIT)));
        let within = |patience: Patience| patience.within(second);
        assert_eq!(within(Patience::default()), Patience::Timeout(second));
        assert_eq!(within(Patience::Heartbeat(LONGEST_WAIT)), Patience::Heartbeat(second));
    }

    #[test]
    fn values_without_sense_are_refused() {
        let reason = |value| patience(Some(value), None).expect_err("refused").to_string();
        assert!(reason("0").starts_with("The heartbeat value"));
        assert!(reason("-5").starts_with("The heartbeat value"));
        assert!(reason("x").starts_with("Invalid heartbeat value"));
        assert!(patience(None, Some("x")).is_err());
        assert!(parse_kind("x").is_err() && parse_limit("-1").is_err());
    }
}
