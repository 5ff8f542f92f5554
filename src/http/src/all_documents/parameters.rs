//! The parameters of `_all_docs`, from the body of a POST and from the URL, which comes later and
//! wins. CouchDB's rules for views hold, with one difference: ids are text in byte order, and
//! whatever is not text sorts before all of them.

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::query::{Query, parse_boolean, parse_error};
use crate::show::ShowOptions;

/// A key, as far as the order of ids is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Text.
    Text(String),
    /// Anything else: it sorts before all ids.
    BeforeAll,
}

impl From<Value> for Key {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            _ => Self::BeforeAll,
        }
    }
}

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
            include_docs: false,
            update_seq: false,
            show: ShowOptions::default(),
        }
    }
}

/// The part of all ids that is walked: where it begins and ends, each with whether it belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Where the walk begins.
    pub(super) start: Option<(String, bool)>,
    /// Where it ends.
    pub(super) end: Option<(String, bool)>,
}

impl Parameters {
    /// Reads the body of a POST (an empty object where there is none) and the URL's parameters.
    pub(super) fn parse(body: &Map<String, Value>, query: &Query) -> Result<Self, Failure> {
        let mut found = Self::default();
        for (name, value) in body {
            found.set(name, Given::Body(value))?;
        }
        for (name, value) in query.iter() {
            found.set(name, Given::Url(value))?;
        }
        let ranged = found.start.is_some() || found.end.is_some();
        if ranged && found.keys.as_ref().is_some_and(|keys| !keys.is_empty()) {
            return Err(parse_error(
                "`keys` is incompatible with `key`, `start_key` and `end_key`",
            ));
        }
        Ok(found)
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
            // Unknown ones, and those that only tune a view (`stale`, `update`, `sorted`, …).
            _ => {}
        }
        Ok(())
    }

    /// What is to be walked; `None` where no id can lie in it.
    pub(super) fn bounds(&self) -> Option<Bounds> {
        let (low, high) =
            if self.descending { (&self.end, &self.start) } else { (&self.start, &self.end) };
        if *high == Some(Key::BeforeAll) {
            return None;
        }
        let text = |key: &Option<Key>| match key {
            Some(Key::Text(text)) => Some(text.clone()),
            Some(Key::BeforeAll) | None => None,
        };
        if let (Some(low), Some(high)) = (text(low), text(high))
            && (low > high || (low == high && !self.inclusive_end))
        {
            return None;
        }
        Some(Bounds {
            start: text(&self.start).map(|text| (text, true)),
            end: text(&self.end).map(|text| (text, self.inclusive_end)),
        })
    }
}

/// A value as it was given.
#[derive(Clone, Copy)]
enum Given<'a> {
    Body(&'a Value),
    Url(&'a str),
}

impl Given<'_> {
    fn json(self) -> Result<Value, Failure> {
        match self {
            Self::Body(value) => Ok(value.clone()),
            Self::Url(text) => serde_json::from_str(text)
                .map_err(|_| Failure::BadRequest("invalid UTF-8 JSON".to_owned())),
        }
    }

    fn keys(self) -> Result<Option<Vec<Value>>, Failure> {
        match (self.json()?, self) {
            (Value::Array(keys), _) => Ok(Some(keys)),
            (Value::Null, _) => Ok(None),
            (_, Self::Body(_)) => {
                Err(Failure::BadRequest("`keys` body member must be an array.".to_owned()))
            }
            (_, Self::Url(_)) => {
                Err(Failure::BadRequest("`keys` parameter must be an array.".to_owned()))
            }
        }
    }

    fn boolean(self) -> Result<bool, Failure> {
        match self {
            Self::Body(Value::Bool(value)) => Ok(*value),
            Self::Body(Value::String(text)) => parse_boolean(text),
            Self::Body(other) => Err(parse_error(format!("Invalid boolean parameter: {other}"))),
            Self::Url(text) => parse_boolean(text),
        }
    }

    fn count(self) -> Result<usize, Failure> {
        let text = match self {
            Self::Body(Value::String(text)) => text.clone(),
            Self::Body(other) => other.to_string(),
            Self::Url(text) => text.to_owned(),
        };
        match text.parse::<i64>() {
            Ok(number) => usize::try_from(number)
                .map_err(|_| parse_error(format!("Invalid value for positive integer: {text}"))),
            Err(_) => Err(parse_error(format!("Invalid value for integer: \"{text}\""))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(body: Value, query: &str) -> Result<Parameters, Failure> {
        let Value::Object(body) = body else { panic!("an object") };
        Parameters::parse(&body, &Query::parse(Some(query)))
    }

    fn bounds(query: &str) -> Option<Bounds> {
        parse(json!({}), query).expect("good").bounds()
    }

    #[test]
    fn the_url_beats_the_body() {
        let body = json!({"limit": 5, "startkey": "a", "include_docs": "true", "skip": "2"});
        let found = parse(body, "limit=7").expect("good");
        assert_eq!((found.limit, found.skip), (7, 2));
        assert_eq!(found.start, Some(Key::Text("a".into())));
        assert!(found.include_docs);
    }

    #[test]
    fn a_range_is_walked_from_start_to_end_in_either_direction() {
        let found = bounds("startkey=%22a%22&endkey=%22c%22&inclusive_end=false");
        assert_eq!(
            found,
            Some(Bounds { start: Some(("a".into(), true)), end: Some(("c".into(), false)) })
        );
        let found = bounds("startkey=%22c%22&end_key=%22a%22&descending=true");
        assert_eq!(
            found,
            Some(Bounds { start: Some(("c".into(), true)), end: Some(("a".into(), true)) })
        );
    }

    #[test]
    fn a_range_upside_down_is_empty() {
        assert_eq!(bounds("startkey=%22c%22&endkey=%22a%22"), None);
        assert_eq!(bounds("startkey=%22a%22&endkey=%22c%22&descending=true"), None);
        assert_eq!(bounds("key=%22a%22&inclusive_end=false"), None);
    }

    #[test]
    fn what_is_not_text_sorts_before_all_ids() {
        assert_eq!(bounds("startkey=1"), Some(Bounds::default()));
        assert_eq!(bounds("endkey={}"), None);
        assert_eq!(bounds("key=null"), None);
        assert_eq!(bounds("startkey=[]&descending=true"), None);
        assert_eq!(bounds("endkey=[]&descending=true"), Some(Bounds::default()));
    }

    #[test]
    fn keys_are_an_array_and_alone() {
        assert!(parse(json!({"keys": []}), "startkey=%22a%22").is_ok());
        let failure = parse(json!({"keys": ["a"]}), "startkey=%22a%22").expect_err("both");
        assert_eq!(failure.status().1, "query_parse_error");
        let failure = parse(json!({"keys": {}}), "").expect_err("no array");
        assert_eq!(failure.to_string(), "`keys` body member must be an array.");
        let failure = parse(json!({}), "keys=1").expect_err("no array");
        assert_eq!(failure.to_string(), "`keys` parameter must be an array.");
        assert_eq!(parse(json!({}), "keys=null").expect("none").keys, None);
    }

    #[test]
    fn numbers_and_booleans_without_sense_are_refused() {
        for query in ["limit=x", "skip=-1", "descending=maybe", "startkey=x"] {
            assert_eq!(parse(json!({}), query).expect_err(query).status().0.as_u16(), 400);
        }
        assert!(parse(json!({"limit": 1.5}), "").is_err());
    }
}
