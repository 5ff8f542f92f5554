//! Shows: a document as an answer.

use crate::error::Error;
use crate::functions::{Functions, path};
use crate::realm::Argument;
use crate::response::{self, Response};

impl Functions {
    /// What `shows.{name}` makes of a document (`None` where there is none) and a request, as JSON.
    /// With `provides`, the request's `query.format` or `headers.Accept` chooses.
    ///
    /// # Errors
    /// `not_found` when there is no such function, or no document and the function cannot do
    /// without; `not_acceptable`; `render_error` for what it throws by accident; limits.
    pub fn show(
        &mut self,
        name: &str,
        document: Option<&str>,
        request: &str,
    ) -> Result<Response, Error> {
        let path = path(&["shows", name])?;
        let arguments = [
            Argument::Text(&path),
            Argument::Text(document.unwrap_or("null")),
            Argument::Text(request),
        ];
        response::read(&self.realm.call("show", &arguments)?)
    }
}
