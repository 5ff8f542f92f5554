//! A parameter as it was given, in the URL or as a member of a body, with CouchDB's texts for values that
//! make no sense. Which parameters an endpoint knows is not decided here.

use serde_json::Value;

use crate::failure::Failure;
use crate::query::{parse_boolean, parse_error};

/// A value as it was given.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    /// As a member of the request's body.
    Body(&'a Value),
    /// As text in the URL.
    Url(&'a str),
}

impl Given<'_> {
    /// A JSON value.
    pub(crate) fn json(self) -> Result<Value, Failure> {
        match self {
            Self::Body(value) => Ok(value.clone()),
            Self::Url(text) => serde_json::from_str(text)
                .map_err(|_| Failure::BadRequest("invalid UTF-8 JSON".to_owned())),
        }
    }

    /// Text: a string in a body is what it says, all else is its JSON; the URL's is not JSON.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Body(Value::String(text)) => text.clone(),
            Self::Body(other) => other.to_string(),
            Self::Url(text) => text.to_owned(),
        }
    }

    /// A list of keys; `None` for `null`.
    pub(crate) fn keys(self) -> Result<Option<Vec<Value>>, Failure> {
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

    /// A boolean.
    pub(crate) fn boolean(self) -> Result<bool, Failure> {
        match self {
            Self::Body(Value::Bool(value)) => Ok(*value),
            Self::Body(Value::String(text)) => parse_boolean(text),
            Self::Body(other) => Err(parse_error(format!("Invalid boolean parameter: {other}"))),
            Self::Url(text) => parse_boolean(text),
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn count(self) -> Result<usize, Failure> {
        let text = self.text();
        match text.parse::<i64>() {
            Ok(number) => usize::try_from(number)
                .map_err(|_| parse_error(format!("Invalid value for positive integer: {text}"))),
            Err(_) => Err(parse_error(format!("Invalid value for integer: \"{text}\""))),
        }
    }
}

/// Checks a parameter that only tunes a view, as CouchDB does though it does not heed it.
pub(crate) fn check_tuning(name: &str, value: Given<'_>) -> Result<(), Failure> {
    let known: &[&str] = match name {
        "stale" => &["ok", "update_after"],
        "stable" => &["true", "false"],
        "update" => &["true", "false", "lazy"],
        _ => return Ok(()),
    };
    let text = value.text();
    if known.contains(&text.as_str()) {
        return Ok(());
    }
    Err(parse_error(format!("Invalid value for `{name}`.")))
}
