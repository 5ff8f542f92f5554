//! Updates: a request that makes a new version of a document.

use crate::error::Error;
use crate::functions::{Functions, path};
use crate::realm::Argument;
use crate::response::{self, Response};

/// What an update function decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The document to store, as JSON with its `_id`; `None` to store nothing.
    pub document: Option<String>,
    /// The answer to the request, once the document is stored.
    pub response: Response,
}

impl Functions {
    /// What `updates.{name}` makes of a document (`None` where there is none) and a request, as JSON.
    ///
    /// # Errors
    /// `not_found` when there is no such function; `method_not_allowed` when the request's method is
    /// GET; `render_error` for what it throws by accident; limits.
    pub fn update(
        &mut self,
        name: &str,
        document: Option<&str>,
        request: &str,
    ) -> Result<Update, Error> {
        let path = path(&["updates", name])?;
        let arguments = [
            Argument::Text(&path),
            Argument::Text(document.unwrap_or("null")),
            Argument::Text(request),
        ];
        let answer = self.realm.call("update", &arguments)?;
        let (document, response) = answer.split_once('\n').unwrap_or(("null", &answer));
        Ok(Update {
            document: (document != "null").then(|| document.to_owned()),
            response: response::read(response)?,
        })
    }
}
