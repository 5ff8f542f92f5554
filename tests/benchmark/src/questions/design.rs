//! Design documents that are made, built and removed.

use std::time::Instant;

use super::{Questions, number_behind};
use crate::Outcome;

/// A design document of the benchmark.
#[derive(Clone, Copy)]
pub(super) struct Design {
    /// Its name, without `_design/`.
    pub(super) name: &'static str,
    /// Its views as the text of a JSON object.
    pub(super) views: &'static str,
    /// One of them; its first answer comes when all are built.
    pub(super) view: &'static str,
}

impl Questions<'_> {
    /// Makes a design document and waits for the first answer of its view; how many rows a second came
    /// in, counted from before the document, since servers may build by themselves.
    pub(super) async fn build(&self, design: Design) -> Outcome<f64> {
        let path = format!("{}/_design/{}", self.database, design.name);
        let body = format!(r#"{{"language":"javascript","views":{}}}"#, design.views);
        let start = Instant::now();
        self.target.tell("PUT", &path, body.as_bytes(), 201).await?;
        let view = format!("{path}/_view/{}", design.view);
        self.target.ask("GET", &view, 200).await?;
        let seconds = start.elapsed().as_secs_f64();
        let rows =
            self.target.tell("GET", &format!("{view}?reduce=false&limit=1"), b"", 200).await?;
        let rows = number_behind(&rows, "total_rows")?;
        if rows < self.documents {
            let documents = self.documents;
            return Err(format!("{view} has {rows} rows of {documents} documents").into());
        }
        Ok(rows as f64 / seconds)
    }

    /// Removes a design document.
    pub(super) async fn remove(&self, design: Design) -> Outcome<()> {
        let path = format!("{}/_design/{}", self.database, design.name);
        let text = self.target.tell("GET", &path, b"", 200).await?;
        let revision =
            text.split_once("\"_rev\":\"").and_then(|(_, behind)| behind.split_once('"'));
        let (revision, _) = revision.ok_or("a design document without a revision")?;
        self.target.ask("DELETE", &format!("{path}?rev={revision}"), 200).await
    }
}
