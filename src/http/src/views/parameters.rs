//! The parameters of a view, from the body of a POST and from the URL, which comes later and wins; and
//! what contradicts what, in CouchDB 3.5's words.

#[cfg(any(test, feature = "fuzzing"))]
mod stub;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::given::{self, Given, check_tuning};
use crate::node::{Freshness, GroupLevel, View, ViewBound, ViewPart, ViewRange};
use crate::partitions;
use crate::query::{Query, parse_error};
use crate::show::ShowOptions;

/// Keys that one request may list: each is a walk of its own.
const MOST_KEYS: usize = 100_000;

/// All parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    start: Option<String>,
    end: Option<String>,
    start_document: Option<String>,
    end_document: Option<String>,
    inclusive_end: bool,
    keys: Option<Vec<String>>,
    reduce: Option<bool>,
    group: Option<bool>,
    group_level: Option<usize>,
    /// Whether conflicts are spoken of at all, which reductions do not have.
    conflicts: bool,
    /// Most rows.
    pub(super) limit: usize,
    /// Rows passed over first.
    pub(super) skip: usize,
    descending: bool,
    /// The rows of this partition alone.
    pub(super) partition: Option<String>,
    /// Whether each row is to carry a document.
    pub(super) include_docs: bool,
    /// What is shown of included documents.
    pub(super) show: ShowOptions,
    /// Shows the update sequence.
    pub(super) update_seq: bool,
    /// Whether rows come in the order of their keys at all: CouchDB leaves out what needs it.
    pub(super) sorted: bool,
    pub(super) freshness: Freshness,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            start: None,
            end: None,
            start_document: None,
            end_document: None,
            inclusive_end: true,
            keys: None,
            reduce: None,
            group: None,
            group_level: None,
            conflicts: false,
            limit: usize::MAX,
            skip: 0,
            descending: false,
            partition: None,
            include_docs: false,
            show: ShowOptions::default(),
            update_seq: false,
            sorted: true,
            freshness: Freshness::UpToDate,
        }
    }
}

impl Parameters {
    /// Reads the body of a POST (an empty object where there is none) and the URL's parameters.
    pub(super) fn parse(body: &Map<String, Value>, query: &Query) -> Result<Self, Failure> {
        partitions::check_agreement(query.text(partitions::PARAMETER), body)?;
        let mut found = Self::default();
        for (name, value) in given::all(body, query) {
            found.set(name, value)?;
        }
        Ok(found)
    }

    /// The same with what one of several queries says itself.
    pub(super) fn refined(&self, members: &Map<String, Value>) -> Result<Self, Failure> {
        partitions::check_agreement(self.partition.as_deref(), members)?;
        let mut found = Self { keys: None, ..self.clone() };
        for (name, value) in given::members(members) {
            found.set(name, value)?;
        }
        Ok(found)
    }

    fn set(&mut self, name: &str, value: Given<'_>) -> Result<(), Failure> {
        check_tuning(name, value)?;
        match name {
            "key" => {
                let key = value.json()?.to_string();
                (self.start, self.end) = (Some(key.clone()), Some(key));
            }
            "startkey" | "start_key" => self.start = Some(value.json()?.to_string()),
            "endkey" | "end_key" => self.end = Some(value.json()?.to_string()),
            "startkey_docid" | "start_key_doc_id" => self.start_document = Some(value.text()),
            "endkey_docid" | "end_key_doc_id" => self.end_document = Some(value.text()),
            "keys" => {
                let texts = |keys: Vec<Value>| keys.iter().map(Value::to_string).collect();
                self.keys = value.keys()?.map(texts);
            }
            "inclusive_end" => self.inclusive_end = value.boolean()?,
            "limit" => self.limit = value.count()?,
            "skip" => self.skip = value.count()?,
            "descending" => self.descending = value.boolean()?,
            "reduce" => self.reduce = Some(value.boolean()?),
            "group" => self.group = Some(value.boolean()?),
            "group_level" => self.group_level = Some(value.count()?),
            "include_docs" => self.include_docs = value.boolean()?,
            "conflicts" => {
                self.show.conflicts = value.boolean()?;
                self.conflicts = true;
            }
            "attachments" => self.show.attachments = value.boolean()?,
            "att_encoding_info" => self.show.att_encoding_info = value.boolean()?,
            "update_seq" => self.update_seq = value.boolean()?,
            "sorted" => self.sorted = value.boolean()?,
            "update" | "stale" => self.freshness = freshness(&value.text()),
            "partition" => self.partition = Some(value.text()),
            _ => {}
        }
        Ok(())
    }

    /// Refuses parameters that contradict each other or the view; answers whether rows are reduced.
    pub(super) fn check(&self, view: &dyn View) -> Result<bool, Failure> {
        let reduced = self.reduce.unwrap_or(view.has_reduce());
        if reduced && !view.has_reduce() {
            return Err(parse_error("Reduce is invalid for map-only views."));
        }
        if self.group == Some(false) && self.group_level.is_some_and(|level| level > 0) {
            return Err(parse_error(
                "Can't specify group=false and group_level>0 at the same time",
            ));
        }
        self.check_keys(reduced)?;
        if reduced {
            if self.include_docs {
                return Err(parse_error("`include_docs` is invalid for reduce"));
            }
            if self.conflicts {
                return Err(parse_error("`conflicts` is invalid for reduce views."));
            }
        } else if self.level() != GroupLevel::Whole {
            return Err(parse_error("Invalid use of grouping on a map view."));
        }
        self.check_range(view)?;
        Ok(reduced)
    }

    fn check_keys(&self, reduced: bool) -> Result<(), Failure> {
        let Some(keys) = &self.keys else { return Ok(()) };
        if !keys.is_empty() && (self.start.is_some() || self.end.is_some()) {
            return Err(parse_error(
                "`keys` is incompatible with `key`, `start_key` and `end_key`",
            ));
        }
        if reduced && self.level() != GroupLevel::Exact {
            return Err(parse_error("Multi-key fetches for reduce views must use `group=true`"));
        }
        if keys.len() > MOST_KEYS {
            return Err(Failure::BadRequest(format!(
                "{} keys are listed, and one request may list {MOST_KEYS}: ask in parts.",
                keys.len()
            )));
        }
        Ok(())
    }

    fn check_range(&self, view: &dyn View) -> Result<(), Failure> {
        let (Some(start), Some(end)) = (&self.start, &self.end) else { return Ok(()) };
        if start == end {
            return Ok(());
        }
        let order = view.compare(start, end)?.then_with(|| {
            let start = self.start_document.as_deref().unwrap_or_default();
            self.end_document.as_deref().map_or(Ordering::Equal, |end| start.cmp(end))
        });
        let reversed = match self.descending {
            false => (order == Ordering::Greater).then_some("true"),
            true => (order == Ordering::Less).then_some("false"),
        };
        match reversed {
            None => Ok(()),
            Some(other) => Err(parse_error(format!(
                "No rows can match your key range, reverse your start_key and end_key or set \
                 descending={other}"
            ))),
        }
    }

    /// How the rows are grouped: a level is more than that they are.
    pub(super) fn level(&self) -> GroupLevel {
        match (self.group_level, self.group) {
            (Some(level), _) => elements(level),
            (None, Some(true)) => GroupLevel::Exact,
            (None, _) => GroupLevel::Whole,
        }
    }

    /// What is asked of the view, from its beginning.
    pub(super) fn part(&self) -> ViewPart {
        let ranges = match &self.keys {
            Some(keys) => keys.iter().map(|key| self.range_of(key)).collect(),
            None => [self.range()].into(),
        };
        ViewPart { ranges, skip: self.skip as u64, limit: self.limit, after: None }
    }

    fn range(&self) -> ViewRange {
        let bound = |key: &Option<String>, document: &Option<String>| {
            key.clone().map(|key| ViewBound { key, document: document.clone() })
        };
        ViewRange {
            start: bound(&self.start, &self.start_document),
            end: bound(&self.end, &self.end_document),
            without_end: !self.inclusive_end,
            descending: self.descending,
        }
    }

    fn range_of(&self, key: &str) -> ViewRange {
        let bound = |document: &Option<String>| {
            Some(ViewBound { key: key.to_owned(), document: document.clone() })
        };
        ViewRange {
            start: bound(&self.start_document),
            end: bound(&self.end_document),
            without_end: false,
            descending: self.descending,
        }
    }
}

/// The part of a view that a body and a URL ask for; `None` where they are refused.
#[cfg(feature = "fuzzing")]
pub(crate) fn part_for_fuzzing(
    body: &Map<String, Value>,
    query: &Query,
    reduces: bool,
) -> Option<ViewPart> {
    let parameters = Parameters::parse(body, query).ok()?;
    // As one of several queries that says the same again.
    let refined = parameters.refined(body).ok()?;
    let _ = refined.check(&stub::Stub { reduces });
    parameters.check(&stub::Stub { reduces }).ok()?;
    let _ = parameters.level();
    Some(parameters.part())
}

fn elements(elements: usize) -> GroupLevel {
    match elements {
        0 => GroupLevel::Whole,
        some => GroupLevel::Elements(u32::try_from(some).unwrap_or(u32::MAX)),
    }
}

fn freshness(text: &str) -> Freshness {
    match text {
        "false" | "ok" => Freshness::AsItIs,
        "lazy" | "update_after" => Freshness::AsItIsThenUpdate,
        _ => Freshness::UpToDate,
    }
}
