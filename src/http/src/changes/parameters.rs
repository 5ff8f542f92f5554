//! The parameters of `_changes`, typed, with CouchDB 3.5's defaults and texts. What a filter lets
//! through is not decided here.

use std::num::NonZeroU64;

use super::since::Since;
use crate::failure::Failure;
use crate::feed::{FeedKind, Patience, Waiting, parse_kind, parse_limit};
use crate::node::FilterFunction;
use crate::query::Query;

/// What `filter` names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum FilterName {
    /// Nothing: every change passes.
    #[default]
    None,
    /// `_doc_ids`.
    DocumentIds,
    /// `_design`.
    DesignDocuments,
    /// `_selector`.
    Selector,
    /// A function of a design document, by its name or, as `_view`, by that of its view.
    Function(FilterPath),
}

/// A function of a design document that filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FilterPath {
    /// Name of the design document, without `_design/`.
    pub(super) design: String,
    /// Name and kind of the function.
    pub(super) function: FilterFunction,
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
    /// Only every so manieth row shows its sequence.
    pub(super) sequence_interval: Option<NonZeroU64>,
    /// `doc_ids` as it stands in the URL.
    pub(super) document_ids: Option<String>,
}

impl Parameters {
    /// Reads the URL's parameters, and the header that a browser sends when it resumes an event
    /// source. Unknown parameters are left aside.
    pub(super) fn parse(query: &Query, last_event_id: Option<&str>) -> Result<Self, Failure> {
        let mut found = Self {
            feed: FeedKind::Normal,
            since: Since::BEGINNING,
            limit: None,
            descending: false,
            all_leaves: false,
            documents: Documents::default(),
            patience: Patience::default(),
            filter: FilterName::None,
            sequence_interval: None,
            document_ids: None,
        };
        let mut waiting = Waiting::default();
        let (mut filter, mut view) = (None, "");
        for (name, value) in query.iter() {
            match name.to_ascii_lowercase().as_str() {
                "feed" => found.feed = parse_kind(value)?,
                "since" | "last-event-id" => found.since = Since::read(value)?,
                "limit" => found.limit = Some(parse_limit(value)?),
                "style" => found.all_leaves = parse_style(value)?,
                "heartbeat" => waiting.read_heartbeat(value)?,
                "timeout" => waiting.read_timeout(value)?,
                "filter" => filter = Some(value),
                "view" => view = value,
                "seq_interval" => found.sequence_interval = Some(parse_interval(value)?),
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
            found.since = Since::read(id)?;
        }
        if let Some(filter) = filter {
            found.filter = parse_filter(filter, view)?;
        }
        found.patience = waiting.patience();
        Ok(found)
    }
}

fn bad(reason: &str) -> Failure {
    Failure::BadRequest(reason.to_owned())
}

fn parse_style(value: &str) -> Result<bool, Failure> {
    match value {
        "all_docs" => Ok(true),
        "main_only" => Ok(false),
        _ => Err(bad("Supported `style` values: main_only, all_docs")),
    }
}

/// What `filter` names; `view` counts beside `_view` alone.
fn parse_filter(value: &str, view: &str) -> Result<FilterName, Failure> {
    match value {
        "" => Ok(FilterName::None),
        "_doc_ids" => Ok(FilterName::DocumentIds),
        "_design" => Ok(FilterName::DesignDocuments),
        "_selector" => Ok(FilterName::Selector),
        "_view" => function(view, FilterFunction::View)
            .ok_or_else(|| bad("`view` must be of the form `designname/viewname`")),
        _ if value.starts_with('_') => Err(bad("unknown builtin filter name")),
        _ => function(value, FilterFunction::Filter)
            .ok_or_else(|| bad("`filter` must be of the form `designname/filtername`")),
    }
}

/// The function that `design/name` names.
fn function(path: &str, kind: fn(String) -> FilterFunction) -> Option<FilterName> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let (design, name) = (parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some(FilterName::Function(FilterPath {
        design: design.to_owned(),
        function: kind(name.to_owned()),
    }))
}

fn parse_interval(value: &str) -> Result<NonZeroU64, Failure> {
    value.parse().map_err(|_| bad("invalid_seq_interval"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::LONGEST_WAIT;

    fn parse(query: &str) -> Result<Parameters, Failure> {
        Parameters::parse(&Query::parse(Some(query)), None)
    }

    #[test]
    fn defaults_are_couchdbs() {
        let found = parse("").expect("good");
        assert_eq!(found.feed, FeedKind::Normal);
        assert_eq!(found.since, Since::BEGINNING);
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
    fn the_event_id_of_a_browser_beats_since_on_an_event_source_alone() {
        let parse = |query: &str| {
            Parameters::parse(&Query::parse(Some(query)), Some("\"7-i\"")).expect("good")
        };
        let sequence = |number, opaque: Option<&str>| Since::Sequence {
            number,
            opaque: opaque.map(str::to_owned),
        };
        assert_eq!(parse("feed=eventsource&since=2").since, sequence(7, Some("i")));
        assert_eq!(parse("since=2").since, sequence(2, None));
    }

    #[test]
    fn filters_are_built_or_later_or_unknown() {
        let status = |query: &str| parse(query).expect_err("refused").status().0.as_u16();
        assert_eq!(parse("filter=_doc_ids").expect("good").filter, FilterName::DocumentIds);
        assert_eq!(parse("filter=_design").expect("good").filter, FilterName::DesignDocuments);
        assert_eq!(parse("filter=").expect("good").filter, FilterName::None);
        assert_eq!(parse("filter=_selector").expect("good").filter, FilterName::Selector);
        assert_eq!(status("filter=_view"), 400);
        assert_eq!(status("filter=_view&view=app"), 400);
        let path = |query: &str| match parse(query).expect("good").filter {
            FilterName::Function(path) => path,
            other => panic!("{query}: {other:?}"),
        };
        assert_eq!(path("filter=app/mine").function, FilterFunction::Filter("mine".to_owned()));
        let view = path("view=app/mine&filter=_view");
        assert_eq!(view.design, "app");
        assert_eq!(view.function, FilterFunction::View("mine".to_owned()));
        assert_eq!(status("filter=_other"), 400);
        assert_eq!(status("filter=app"), 400);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for query in ["feed=x", "limit=x", "limit=-1", "style=x", "seq_interval=0", "since="] {
            assert_eq!(parse(query).expect_err(query).status().0.as_u16(), 400, "{query}");
        }
        assert_eq!(parse("seq_interval=10").expect("good").sequence_interval, NonZeroU64::new(10));
    }
}
