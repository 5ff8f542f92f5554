//! The parameters of `_db_updates`.

use crate::failure::Failure;
use crate::feed::{FeedKind, Patience, Waiting, parse_kind, parse_limit};
use crate::query::Query;

/// Where the updates begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// Behind this sequence, as it was told.
    Sequence(String),
    /// Behind what is there already.
    Now,
}

impl Since {
    /// The number behind which updates are told. A sequence of another node, or of none, is the
    /// beginning: to tell again does no harm.
    pub(super) fn number(&self, instance: &str, newest: u64) -> u64 {
        let Self::Sequence(text) = self else { return newest };
        let (number, of) = text.split_once('-').unwrap_or((text, instance));
        let number = number.parse().unwrap_or(0);
        if of == instance { u64::min(number, newest) } else { 0 }
    }
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) feed: FeedKind,
    pub(super) since: Since,
    /// Most updates.
    pub(super) limit: usize,
    /// Newest first.
    pub(super) descending: bool,
    pub(super) patience: Patience,
}

impl Parameters {
    /// Reads the URL's parameters, and the header that a browser sends when it resumes an event
    /// source. Unknown parameters are left aside, as in CouchDB.
    pub(super) fn parse(query: &Query, last_event_id: Option<&str>) -> Result<Self, Failure> {
        let mut parameters = Self {
            feed: FeedKind::default(),
            since: Since::Sequence("0".to_owned()),
            limit: usize::MAX,
            descending: query.is_true("descending"),
            patience: Patience::default(),
        };
        let mut waiting = Waiting::default();
        for (name, value) in query.iter() {
            match name {
                "feed" => parameters.feed = parse_kind(value)?,
                "since" | "last-event-id" => parameters.since = parse_since(value),
                "limit" => parameters.limit = parse_limit(value)?,
                "heartbeat" if value == "false" => {}
                "heartbeat" => waiting.read_heartbeat(value)?,
                "timeout" => waiting.read_timeout(value)?,
                _ => {}
            }
        }
        if let Some(id) = last_event_id
            && parameters.feed == FeedKind::EventSource
        {
            parameters.since = parse_since(id);
        }
        parameters.patience = waiting.patience();
        Ok(parameters)
    }
}

fn parse_since(value: &str) -> Since {
    // An event's id is told as JSON.
    match value.trim_matches('"') {
        "now" => Since::Now,
        sequence => Since::Sequence(sequence.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_counts_where_it_was_told() {
        let number = |text: &str| parse_since(text).number("abc", 9);
        assert_eq!(number("5-abc"), 5);
        assert_eq!(number("\"5-abc\""), 5);
        assert_eq!(number("5"), 5);
        assert_eq!(number("12-abc"), 9);
        assert_eq!(number("5-other"), 0);
        assert_eq!(number("what"), 0);
        assert_eq!(number("now"), 9);
    }

    #[test]
    fn parameters_are_those_of_all_feeds() {
        let query = Query::parse(Some("feed=longpoll&descending=true&limit=3&heartbeat=false"));
        let found = Parameters::parse(&query, None).expect("good");
        assert_eq!((found.feed, found.limit), (FeedKind::LongPoll, 3));
        assert!(found.descending);
        for bad in ["feed=x", "limit=-1", "timeout=x", "heartbeat=x"] {
            assert!(Parameters::parse(&Query::parse(Some(bad)), None).is_err(), "{bad}");
        }
    }
}
