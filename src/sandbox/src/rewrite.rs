//! Rewrites in the form of a function.

use serde_json::Value;

use crate::error::Error;
use crate::functions::Functions;
use crate::realm::Argument;
use crate::response::{not_ours, pairs, text};

/// Where a rewrite leads, or what it answers. What is absent stays as the request has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The new path, relative to the design document's own.
    pub path: Option<String>,
    /// The new method.
    pub method: Option<String>,
    /// The new query, instead of the old one.
    pub query: Option<Vec<(String, String)>>,
    /// Headers to set in the new request, or of the answer.
    pub headers: Vec<(String, String)>,
    /// The new request's body, or the answer's.
    pub body: Option<String>,
    /// Present where this is the answer itself, 200 to 599.
    pub code: Option<u16>,
}

impl Functions {
    /// Where `rewrites` leads a request (as JSON), or `None` where it has no rule for it.
    ///
    /// # Errors
    /// `rewrite_error` when it returns something else than CouchDB documents, what it throws, limits.
    pub fn rewrite(&mut self, request: &str) -> Result<Option<Rewrite>, Error> {
        let answer = self.realm.call("rewrite", &[Argument::Text(request)])?;
        let value: Value = serde_json::from_str(&answer).map_err(not_ours)?;
        if value.is_null() {
            return Ok(None);
        }
        Ok(Some(Rewrite {
            path: text(&value, "path"),
            method: text(&value, "method"),
            query: pairs(&value, "query"),
            headers: pairs(&value, "headers").unwrap_or_default(),
            body: text(&value, "body"),
            code: value.get("code").and_then(Value::as_u64).and_then(|code| code.try_into().ok()),
        }))
    }
}
