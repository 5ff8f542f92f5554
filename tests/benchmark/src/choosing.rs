//! Replications of 500 documents of many: those of listed ids, and those that match a selector, without an
//! index and with one; from a database of the same server, and from the same over HTTP. Each is measured
//! whole, from the request to the end, into a target that is made for it.

use std::time::Instant;

use crate::Outcome;
use crate::documents::{id, spread};
use crate::figure::Report;
use crate::target::Target;

/// Documents that are replicated.
const CHOSEN: u64 = 500;
/// Replications of a kind; the median is told.
const RUNS: usize = 3;

const INDEX: &str =
    r#"{"index":{"fields":["number"]},"ddoc":"benchmark-choosing","name":"number","type":"json"}"#;
/// Where that index is removed.
const INDEX_PATH: &str = "_index/_design/benchmark-choosing/json/number";

/// What is measured, and where the figures go.
pub(crate) struct Choosing<'a> {
    pub(crate) target: &'a Target,
    pub(crate) report: &'a Report,
    /// A database with the documents of the numbers below `documents`.
    pub(crate) database: &'a str,
    pub(crate) documents: u64,
}

/// Measures all of them. The index and the targets are gone again afterwards.
pub(crate) async fn all(choosing: &Choosing<'_>) -> Outcome<()> {
    let documents = choosing.documents;
    let ids: Vec<String> =
        (0..CHOSEN).map(|number| format!("\"{}\"", id(spread(number, documents)))).collect();
    let listed = format!(r#""doc_ids":[{}]"#, ids.join(","));
    let start = (documents / 2).min(documents.saturating_sub(CHOSEN));
    let range = format!(r#"{{"$gte":{start},"$lt":{}}}"#, start + CHOSEN);
    let matching = format!(r#""selector":{{"number":{range}}}"#);
    choosing.figures("listed", &listed).await?;
    choosing.figures("matching_without_index", &matching).await?;
    choosing.build_index().await?;
    choosing.figures("matching", &matching).await?;
    let index = format!("{}/{INDEX_PATH}", choosing.database);
    choosing.target.ask("DELETE", &index, 200).await
}

impl Choosing<'_> {
    /// From a database of the same server, and from it over HTTP.
    async fn figures(&self, what: &str, choice: &str) -> Outcome<()> {
        let name = self.database.trim_start_matches('/');
        let local = format!("\"{name}\"");
        let remote = self.target.end_of_replication(self.database);
        for (source, how) in [(local, ""), (remote, "_over_http")] {
            let mut seconds = Vec::with_capacity(RUNS);
            for _ in 0..RUNS {
                seconds.push(self.replicate(&source, choice).await?);
            }
            seconds.sort_by(f64::total_cmp);
            let median = seconds.get(RUNS / 2).copied().unwrap_or_default();
            let figure = format!("replicate_{CHOSEN}_{what}{how}");
            self.report.figure(&figure, median, "seconds");
        }
        Ok(())
    }

    /// One replication; how many seconds it took.
    async fn replicate(&self, source: &str, choice: &str) -> Outcome<f64> {
        let target = format!("{}-chosen", self.database);
        self.target.ask("PUT", &target, 201).await?;
        let name = target.trim_start_matches('/');
        let request = format!(r#"{{"source":{source},"target":"{name}",{choice}}}"#);
        let start = Instant::now();
        let told = self.target.tell("POST", "/_replicate", request.as_bytes(), 200).await?;
        let seconds = start.elapsed().as_secs_f64();
        if !told.contains(&format!("\"docs_written\":{CHOSEN},")) {
            return Err(format!("not {CHOSEN} documents were replicated: {told}").into());
        }
        self.target.ask("DELETE", &target, 200).await?;
        Ok(seconds)
    }

    /// Makes the index and waits for its first answer.
    async fn build_index(&self) -> Outcome<()> {
        let path = format!("{}/_index", self.database);
        self.target.tell("POST", &path, INDEX.as_bytes(), 200).await?;
        let first = br#"{"selector":{"number":{"$gte":0}},"limit":1}"#;
        self.target.tell("POST", &format!("{}/_find", self.database), first, 200).await?;
        Ok(())
    }
}
