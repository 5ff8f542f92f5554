//! Parameters as they were given, in the URL or as members of a body, with CouchDB's texts for values that
//! make no sense. Which parameters an endpoint knows is not decided here.

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::query::{Query, parse_boolean, parse_error};
use crate::request::Request;

/// A value as it was given.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    /// As a member of the request's body.
    Body(&'a Value),
    /// As text in the URL.
    Url(&'a str),
}

/// All parameters with their names: those of the body, then those of the URL, which win.
pub(crate) fn all<'a>(
    body: &'a Map<String, Value>,
    query: &'a Query,
) -> impl Iterator<Item = (&'a str, Given<'a>)> {
    members(body).chain(query.iter().map(|(name, value)| (name, Given::Url(value))))
}

/// Those of a body or of one of several queries.
pub(crate) fn members(body: &Map<String, Value>) -> impl Iterator<Item = (&str, Given<'_>)> {
    body.iter().map(|(name, value)| (name.as_str(), Given::Body(value)))
}

/// The body of a request as JSON.
pub(crate) async fn json_body(request: &mut Request) -> Result<Value, Failure> {
    let bytes = request.json_bytes(request.limits().max_json_size).await?;
    serde_json::from_slice(&bytes).map_err(|_| bad("invalid UTF-8 JSON"))
}

/// The body of a request as a JSON object; an empty one where there is none.
pub(crate) async fn parameters_body(request: &mut Request) -> Result<Map<String, Value>, Failure> {
    let bytes = request.json_bytes(request.limits().max_json_size).await?;
    if bytes.is_empty() { Ok(Map::new()) } else { object(&bytes) }
}

/// A text as a JSON object.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>, Failure> {
    match serde_json::from_slice(text) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(bad("Request body must be a JSON object")),
        Err(_) => Err(bad("invalid UTF-8 JSON")),
    }
}

fn bad(reason: &str) -> Failure {
    Failure::BadRequest(reason.to_owned())
}

impl Given<'_> {
    /// A JSON value.
    pub(crate) fn json(self) -> Result<Value, Failure> {
        match self {
            Self::Body(value) => Ok(value.clone()),
            Self::Url(text) => serde_json::from_str(text).map_err(|_| bad("invalid UTF-8 JSON")),
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
            (_, Self::Body(_)) => Err(bad("`keys` body member must be an array.")),
            (_, Self::Url(_)) => Err(bad("`keys` parameter must be an array.")),
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
