//! The parameters of `_all_docs`, from the body of a POST and from the URL, which comes later and
//! wins. CouchDB's rules for views hold, with one difference: ids are text in byte order, and
//! whatever is not text sorts before all of them.

#[cfg(test)]
mod tests;

use refuge_document::check_partition;
use serde_json::{Map, Value};

use super::bounds::Key;
use crate::failure::Failure;
use crate::given::{self, Given, check_tuning};
use crate::partitions;
use crate::query::{Query, parse_error};
use crate::show::ShowOptions;

/// All parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    /// Where to begin (descending: the highest).
    pub(super) start: Option<Key>,
    /// Where to end.
    pub(super) end: Option<Key>,
    /// Whether `end` itself belongs to the answer.
    pub(super) inclusive_end: bool,
    /// These documents alone, in this order.
    pub(super) keys: Option<Vec<Value>>,
    /// Most rows.
    pub(super) limit: usize,
    /// Rows passed over first.
    pub(super) skip: usize,
    pub(super) descending: bool,
    /// The documents of this partition alone.
    pub(super) partition: Option<String>,
    pub(super) include_docs: bool,
    /// Shows the update sequence.
    pub(super) update_seq: bool,
    /// What is shown of included documents.
    pub(super) show: ShowOptions,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            start: None,
            end: None,
            inclusive_end: true,
            keys: None,
            limit: usize::MAX,
            skip: 0,
            descending: false,
            partition: None,
            include_docs: false,
            update_seq: false,
            show: ShowOptions::default(),
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
        found.checked()
    }

    /// The same with what one of several queries says itself.
    pub(super) fn refined(&self, members: &Map<String, Value>) -> Result<Self, Failure> {
        partitions::check_agreement(self.partition.as_deref(), members)?;
        let mut found = Self { keys: None, ..self.clone() };
        for (name, value) in given::members(members) {
            found.set(name, value)?;
        }
        found.checked()
    }

    /// Refuses parameters that contradict each other.
    fn checked(self) -> Result<Self, Failure> {
        let found = self;
        let ranged = found.start.is_some() || found.end.is_some();
        if ranged && found.keys.as_ref().is_some_and(|keys| !keys.is_empty()) {
            return Err(parse_error(
                "`keys` is incompatible with `key`, `start_key` and `end_key`",
            ));
        }
        Ok(found)
    }

    /// Whether the document of an id is in the partition that is asked, if one is.
    pub(super) fn is_asked(&self, id: &str) -> bool {
        let of = |partition: &String| id.strip_prefix(partition.as_str());
        self.partition.as_ref().is_none_or(|one| of(one).is_some_and(|rest| rest.starts_with(':')))
    }

    /// Whether the list begins where the partition does, so that nothing of it stands before.
    pub(super) fn begins_with_partition(&self) -> bool {
        self.start.is_none()
    }

    /// Refuses a partition where there are none, and one that is none.
    pub(super) fn check_partition(&self, has_partitions: bool) -> Result<(), Failure> {
        match &self.partition {
            None => Ok(()),
            Some(partition) if has_partitions => Ok(check_partition(partition)?),
            Some(_) => Err(parse_error("`partition` parameter is not supported on this db")),
        }
    }

    fn set(&mut self, name: &str, value: Given<'_>) -> Result<(), Failure> {
        match name {
            "key" => {
                let key = Key::from(value.json()?);
                (self.start, self.end) = (Some(key.clone()), Some(key));
            }
            "startkey" | "start_key" => self.start = Some(value.json()?.into()),
            "endkey" | "end_key" => self.end = Some(value.json()?.into()),
            "keys" => self.keys = value.keys()?,
            "inclusive_end" => self.inclusive_end = value.boolean()?,
            "limit" => self.limit = value.count()?,
            "skip" => self.skip = value.count()?,
            "descending" => self.descending = value.boolean()?,
            "include_docs" => self.include_docs = value.boolean()?,
            "conflicts" => self.show.conflicts = value.boolean()?,
            "attachments" => self.show.attachments = value.boolean()?,
            "att_encoding_info" => self.show.att_encoding_info = value.boolean()?,
            "update_seq" => self.update_seq = value.boolean()?,
            "reduce" if value.boolean()? => {
                return Err(parse_error("Reduce is invalid for map-only views."));
            }
            "group" if !value.boolean()? => {}
            "group_level" if value.count()? == 0 => {}
            "group" | "group_level" => {
                return Err(parse_error("Invalid use of grouping on a map view."));
            }
            "partition" => self.partition = Some(value.text()),
            // Unknown ones, and those that only tune a view.
            _ => check_tuning(name, value)?,
        }
        Ok(())
    }
}
