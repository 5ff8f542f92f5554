//! Filters of change feeds and replications: which documents pass.

use crate::error::Error;
use crate::functions::{Functions, path};
use crate::realm::Argument;

impl Functions {
    /// Which of the documents pass `filters.{name}` with a request, all as JSON text. A document
    /// whose filter throws or meets a limit is that error; the others are still asked.
    ///
    /// # Errors
    /// `not_found` when there is no such filter; compiling it, and the request.
    pub fn filter(
        &mut self,
        name: &str,
        documents: &[&str],
        request: &str,
    ) -> Result<Vec<Result<bool, Error>>, Error> {
        let path = path(&["filters", name])?;
        self.pass("filter", &[Argument::Text(&path), Argument::Text(request)], documents)
    }

    /// For which of the documents `views.{name}.map` emits anything.
    ///
    /// # Errors
    /// As [`Functions::filter`].
    pub fn filter_by_view(
        &mut self,
        name: &str,
        documents: &[&str],
    ) -> Result<Vec<Result<bool, Error>>, Error> {
        let path = path(&["views", name, "map"])?;
        self.pass("filter_by_view", &[Argument::Text(&path), Argument::Missing], documents)
    }

    fn pass(
        &mut self,
        entry: &str,
        open: &[Argument<'_>],
        documents: &[&str],
    ) -> Result<Vec<Result<bool, Error>>, Error> {
        self.realm.call("open_filter", open)?;
        let mut passes = Vec::with_capacity(documents.len());
        for document in documents {
            if !self.realm.is_open() {
                // The runtime that knew the filter was thrown away.
                self.realm.call("open_filter", open)?;
            }
            let answer = self.realm.call(entry, &[Argument::Text(document)]);
            passes.push(answer.map(|answer| answer == "1"));
        }
        Ok(passes)
    }
}
