//! The parameters of `_changes`, typed, with CouchDB 3.5's defaults and texts. What a filter lets
//! through is not decided here.

use std::time::Duration;

use refuge_document::parse_sequence;

use crate::failure::Failure;
use crate::query::Query;

/// How long a feed waits for a change where nothing else is asked, and the longest it waits at all:
/// CouchDB's `changes_timeout`.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How the changes are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FeedKind {
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

/// Where the changes begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// Behind this sequence. The opaque part, where one was given, tells of which incarnation of the
    /// database it was.
    Sequence {
        /// Its number.
        number: u64,
        /// Its opaque part.
        opaque: Option<String>,
    },
    /// Behind what is there already.
    Now,
}

impl Since {
    const BEGINNING: Self = Self::Sequence { number: 0, opaque: None };

    /// The sequence behind which a feed of the database `instance` begins, whose highest sequence is
    /// `current`. A sequence of another incarnation says nothing about this one, so that everything
    /// is told.
    pub(super) fn resolve(&self, instance: &str, current: u64) -> u64 {
        match self {
            Self::Now => current,
            Self::Sequence { opaque: Some(opaque), .. } if opaque != instance => 0,
            Self::Sequence { number, .. } => (*number).min(current),
        }
    }
}

/// What happens when nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// A sign of life goes out each time that long passed; the feed has no end.
    Heartbeat(Duration),
    /// The feed ends after that long.
    Timeout(Duration),
}

impl Patience {
    /// How long nothing may happen.
    pub(super) fn interval(self) -> Duration {
        match self {
            Self::Heartbeat(interval) | Self::Timeout(interval) => interval,
        }
    }
}

/// What `filter` names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum FilterName {
    /// Nothing: every change passes.
    #[default]
    None,
    /// `_doc_ids`.
    DocumentIds,
    /// `_design`.
    DesignDocuments,
}

/// Which documents are put into rows, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Documents {
    /// Whether at all.
    pub(super) included: bool,
    /// With `_conflicts`.
    pub(super) conflicts: bool,
    /// With the bytes of their attachments.
    pub(super) attachments: bool,
    /// With `encoding` and `encoded_length` of encoded attachments.
    pub(super) encoding_info: bool,
}

/// All parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    pub(super) feed: FeedKind,
    pub(super) since: Since,
    /// Most rows; as in CouchDB 3.5, though not in its documentation, 0 asks for none.
    pub(super) limit: Option<usize>,
    pub(super) descending: bool,
    /// `style=all_docs`: every leaf is named in a row, not the winner alone.
    pub(super) all_leaves: bool,
    pub(super) documents: Documents,
    pub(super) patience: Patience,
    pub(super) filter: FilterName,
    /// `doc_ids` as it stands in the URL.
    pub(super) document_ids: Option<String>,
}

impl Parameters {
    /// Reads the URL's parameters, and the header that a browser sends when it resumes an event
    /// source. Unknown parameters, and `seq_interval`, are left aside.
    pub(super) fn parse(query: &Query, last_event_id: Option<&str>) -> Result<Self, Failure> {
        let mut found = Self {
            feed: FeedKind::Normal,
            since: Since::BEGINNING,
            limit: None,
            descending: false,
            all_leaves: false,
            documents: Documents::default(),
            patience: Patience::Timeout(LONGEST_WAIT),
            filter: FilterName::None,
            document_ids: None,
        };
        let (mut heartbeat, mut timeout) = (None, LONGEST_WAIT);
        for (name, value) in query.iter() {
            match name.to_ascii_lowercase().as_str() {
                "feed" => found.feed = parse_feed(value)?,
                "since" | "last-event-id" => found.since = parse_since(value)?,
                "limit" => found.limit = Some(parse_limit(value)?),
                "style" => found.all_leaves = parse_style(value)?,
                "heartbeat" => heartbeat = Some(parse_heartbeat(value)?),
                "timeout" => timeout = parse_timeout(value)?,
                "filter" => found.filter = parse_filter(value)?,
                "seq_interval" => check_interval(value)?,
                "doc_ids" => found.document_ids = Some(value.to_owned()),
                "descending" => found.descending = value == "true",
                "include_docs" => found.documents.included = value == "true",
                "conflicts" => found.documents.conflicts = value == "true",
                "attachments" => found.documents.attachments = value == "true",
                "att_encoding_info" => found.documents.encoding_info = value == "true",
                _ => {}
            }
        }
        if let Some(id) = last_event_id
            && found.feed == FeedKind::EventSource
        {
            found.since = parse_since(id)?;
        }
        found.patience = heartbeat.map_or(Patience::Timeout(timeout), Patience::Heartbeat);
        Ok(found)
    }
}

fn bad(reason: &str) -> Failure {
    Failure::BadRequest(reason.to_owned())
}

fn parse_feed(value: &str) -> Result<FeedKind, Failure> {
    match value {
        "normal" => Ok(FeedKind::Normal),
        "longpoll" => Ok(FeedKind::LongPoll),
        "continuous" | "live" => Ok(FeedKind::Continuous),
        "eventsource" => Ok(FeedKind::EventSource),
        _ => Err(bad("Supported `feed` types: normal, continuous, live, longpoll, eventsource")),
    }
}

fn parse_since(value: &str) -> Result<Since, Failure> {
    if value == "now" {
        return Ok(Since::Now);
    }
    let number = parse_sequence(value)
        .map_err(|_| bad("Malformed sequence supplied in 'since' parameter."))?;
    let opaque = value.trim().trim_matches('"').split_once('-').map(|(_, opaque)| opaque);
    let opaque = opaque.filter(|opaque| !opaque.is_empty() && number > 0).map(str::to_owned);
    Ok(Since::Sequence { number, opaque })
}

fn parse_limit(value: &str) -> Result<usize, Failure> {
    value.parse().map_err(|_| bad("The limit value should be a non-negative integer."))
}

fn parse_style(value: &str) -> Result<bool, Failure> {
    match value {
        "all_docs" => Ok(true),
        "main_only" => Ok(false),
        _ => Err(bad("Supported `style` values: main_only, all_docs")),
    }
}

fn parse_heartbeat(value: &str) -> Result<Duration, Failure> {
    if value == "true" {
        return Ok(LONGEST_WAIT);
    }
    match value.parse::<i64>().map(u64::try_from) {
        Ok(Ok(milliseconds @ 1..)) => Ok(Duration::from_millis(milliseconds).min(LONGEST_WAIT)),
        Ok(_) => Err(bad("The heartbeat value should be a positive integer (in milliseconds).")),
        Err(_) => Err(bad(
            "Invalid heartbeat value. Expecting a positive integer value (in milliseconds).",
        )),
    }
}

fn parse_timeout(value: &str) -> Result<Duration, Failure> {
    value
        .parse()
        .map(|milliseconds| Duration::from_millis(milliseconds).min(LONGEST_WAIT))
        .map_err(|_| bad("The timeout value should be a non-negative integer (in milliseconds)."))
}

fn parse_filter(value: &str) -> Result<FilterName, Failure> {
    match value {
        "" => Ok(FilterName::None),
        "_doc_ids" => Ok(FilterName::DocumentIds),
        "_design" => Ok(FilterName::DesignDocuments),
        "_selector" | "_view" => Err(later(value)),
        _ if value.starts_with('_') => Err(bad("unknown builtin filter name")),
        _ if value.split('/').filter(|part| !part.is_empty()).count() == 2 => Err(later(value)),
        _ => Err(bad("`filter` must be of the form `designname/filtername`")),
    }
}

fn later(filter: &str) -> Failure {
    Failure::NotImplemented(format!("The filter {filter} is not built in this version of refuge"))
}

fn check_interval(value: &str) -> Result<(), Failure> {
    match value.parse::<u64>() {
        Ok(1..) => Ok(()),
        _ => Err(bad("invalid_seq_interval")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Parameters, Failure> {
        Parameters::parse(&Query::parse(Some(query)), None)
    }

    fn reason(query: &str) -> String {
        parse(query).expect_err("refused").to_string()
    }

    #[test]
    fn defaults_are_couchdbs() {
        let found = parse("").expect("good");
        assert_eq!(found.feed, FeedKind::Normal);
        assert_eq!(found.since.resolve("x", 5), 0);
        assert_eq!(found.limit, None);
        assert!(!found.all_leaves && !found.descending && !found.documents.included);
        assert_eq!(found.patience, Patience::Timeout(LONGEST_WAIT));
    }

    #[test]
    fn names_are_read_in_any_letter_case_and_the_last_value_counts() {
        let found = parse("Feed=live&LIMIT=3&limit=4&Style=all_docs&include_docs=true");
        let found = found.expect("good");
        assert_eq!(found.feed, FeedKind::Continuous);
        assert_eq!(found.limit, Some(4));
        assert!(found.all_leaves && found.documents.included);
        assert!(!parse("include_docs=yes").expect("good").documents.included);
    }

    #[test]
    fn since_of_another_incarnation_begins_anew() {
        let resolve = |since: &str| {
            let query = format!("since={since}");
            parse(&query).expect("good").since.resolve("inc", 50)
        };
        assert_eq!(resolve("12"), 12);
        assert_eq!(resolve("12-inc"), 12);
        assert_eq!(resolve("%2212-inc%22"), 12);
        assert_eq!(resolve("12-old"), 0);
        assert_eq!(resolve("now"), 50);
        assert_eq!(resolve("99"), 50);
        assert_eq!(reason("since=x"), "Malformed sequence supplied in 'since' parameter.");
    }

    #[test]
    fn a_heartbeat_beats_a_timeout_and_neither_is_longer_than_a_minute() {
        let patience = |query: &str| parse(query).expect("good").patience;
        let second = Duration::from_secs(1);
        assert_eq!(patience("heartbeat=true"), Patience::Heartbeat(LONGEST_WAIT));
        assert_eq!(patience("timeout=5&heartbeat=1000"), Patience::Heartbeat(second));
        assert_eq!(patience("timeout=1000"), Patience::Timeout(second));
        assert_eq!(patience("timeout=9999999"), Patience::Timeout(LONGEST_WAIT));
        assert!(reason("heartbeat=0").starts_with("The heartbeat value"));
        assert!(reason("heartbeat=-5").starts_with("The heartbeat value"));
        assert!(reason("heartbeat=x").starts_with("Invalid heartbeat value"));
        assert!(parse("timeout=x").is_err());
    }

    #[test]
    fn the_event_id_of_a_browser_beats_since_on_an_event_source_alone() {
        let parse = |query: &str| {
            Parameters::parse(&Query::parse(Some(query)), Some("\"7-i\"")).expect("good")
        };
        assert_eq!(parse("feed=eventsource&since=2").since.resolve("i", 9), 7);
        assert_eq!(parse("since=2").since.resolve("i", 9), 2);
    }

    #[test]
    fn filters_are_built_or_later_or_unknown() {
        let status = |query: &str| parse(query).expect_err("refused").status().0.as_u16();
        assert_eq!(parse("filter=_doc_ids").expect("good").filter, FilterName::DocumentIds);
        assert_eq!(parse("filter=_design").expect("good").filter, FilterName::DesignDocuments);
        assert_eq!(parse("filter=").expect("good").filter, FilterName::None);
        assert_eq!(status("filter=_selector"), 501);
        assert_eq!(status("filter=_view"), 501);
        assert_eq!(status("filter=app/mine"), 501);
        assert_eq!(status("filter=_other"), 400);
        assert_eq!(status("filter=app"), 400);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for query in ["feed=x", "limit=x", "limit=-1", "style=x", "seq_interval=0", "since="] {
            assert_eq!(parse(query).expect_err(query).status().0.as_u16(), 400, "{query}");
        }
        assert!(parse("seq_interval=10").is_ok());
    }
}
