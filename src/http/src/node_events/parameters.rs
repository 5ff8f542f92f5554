//! The parameters of `_mesh/events` and `_mesh/messages`.

use crate::failure::Failure;
use crate::feed::{FeedKind, Patience, Waiting, parse_kind, parse_limit};
use crate::query::Query;

/// Where the rows begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Behind this number.
    Number(u64),
    /// Behind what is there already.
    Now,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameters {
    pub(crate) feed: FeedKind,
    pub(crate) since: Since,
    /// Most rows.
    pub(crate) limit: usize,
    pub(crate) patience: Patience,
}

impl Parameters {
    /// Reads the URL's parameters, and the header that a browser sends when it resumes an event
    /// source. Unknown parameters are left aside.
    pub(crate) fn parse(query: &Query, last_event_id: Option<&str>) -> Result<Self, Failure> {
        let (mut feed, mut since) = (FeedKind::default(), Since::Number(0));
        let (mut limit, mut waiting) = (usize::MAX, Waiting::default());
        for (name, value) in query.iter() {
            match name {
                "feed" => feed = parse_kind(value)?,
                "since" | "last-event-id" => since = parse_since(value)?,
                "limit" => limit = parse_limit(value)?,
                "heartbeat" => waiting.read_heartbeat(value)?,
                "timeout" => waiting.read_timeout(value)?,
                _ => {}
            }
        }
        if let Some(id) = last_event_id
            && feed == FeedKind::EventSource
        {
            since = parse_since(id)?;
        }
        Ok(Self { feed, since, limit, patience: waiting.patience() })
    }
}

fn parse_since(value: &str) -> Result<Since, Failure> {
    if value == "now" {
        return Ok(Since::Now);
    }
    value
        .parse()
        .map(Since::Number)
        .map_err(|_| Failure::BadRequest("`since` is the `seq` of a row, or `now`".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str, id: Option<&str>) -> Result<Parameters, Failure> {
        Parameters::parse(&Query::parse(Some(query)), id)
    }

    #[test]
    fn parameters_are_those_of_all_feeds() {
        let found = parse("feed=longpoll&since=7&limit=3&heartbeat=true", None).expect("good");
        assert_eq!((found.feed, found.since), (FeedKind::LongPoll, Since::Number(7)));
        assert_eq!(found.limit, 3);
        assert_eq!(parse("since=now", None).expect("good").since, Since::Now);
        assert_eq!(parse("", None).expect("good").since, Since::Number(0));
        for bad in ["since=x", "since=-1", "feed=x", "limit=x", "heartbeat=0", "timeout=x"] {
            assert_eq!(parse(bad, None).expect_err(bad).status().0.as_u16(), 400, "{bad}");
        }
    }

    #[test]
    fn a_browser_goes_on_where_it_was() {
        let since = |query| parse(query, Some("9")).expect("good").since;
        assert_eq!(since("feed=eventsource&since=2"), Since::Number(9));
        assert_eq!(since("since=2"), Since::Number(2));
    }
}
