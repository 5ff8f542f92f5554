//! Whole replications and live ones: from database to database of one server, between two servers over HTTP,
//! and how long a write takes to be readable on the other side.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::figure::Report;
use crate::server::Server;
use crate::target::Target;

/// Writes whose way to the other side is measured, one after the other.
const WRITES: u64 = 200;
/// Between two of them: the job has come to rest.
const BETWEEN_WRITES: Duration = Duration::from_millis(20);
/// How often the other side is asked for what was written.
const BETWEEN_READS: Duration = Duration::from_micros(500);
/// A write that is not there by then ends the measurement.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is measured, and where the figures go.
pub(crate) struct Replicating<'a> {
    pub(crate) target: &'a Target,
    pub(crate) report: &'a Report,
    /// A database with so many documents.
    pub(crate) database: &'a str,
    pub(crate) documents: u64,
    /// How another server is started; without it the same one is reached over HTTP.
    pub(crate) command: Option<&'a str>,
}

/// Measures all of them. What was made for it is gone again afterwards.
pub(crate) async fn all(replicating: &Replicating<'_>) -> Outcome<()> {
    let local = format!("\"{}\"", replicating.database.trim_start_matches('/'));
    let (target, copy) = (replicating.target, format!("{}-copy", replicating.database));
    let here = format!("\"{}\"", copy.trim_start_matches('/'));
    replicating.whole("replicate_locally", &local, target, &copy, &here).await?;
    replicating.live("replicate_locally_lag", target, &copy, &here).await?;
    let server = match replicating.command {
        Some(command) => Some(Server::start(command).await?),
        None => None,
    };
    let other = match &server {
        Some(server) => Target::parse(&server.url())?,
        None => target.clone(),
    };
    let there = other.end_of_replication(&copy);
    replicating.whole("replicate_over_http", &local, &other, &copy, &there).await?;
    replicating.live("replicate_over_http_lag", &other, &copy, &there).await
}

impl Replicating<'_> {
    /// Documents a second of one whole replication into the database `copy` of `other`, which the job
    /// knows as `end`.
    async fn whole(
        &self,
        name: &str,
        source: &str,
        other: &Target,
        copy: &str,
        end: &str,
    ) -> Outcome<()> {
        other.ask("PUT", copy, 201).await?;
        let request = format!(r#"{{"source":{source},"target":{end}}}"#);
        let start = Instant::now();
        let told = self.target.tell("POST", "/_replicate", request.as_bytes(), 200).await?;
        let seconds = start.elapsed().as_secs_f64();
        // Whatever was measured before may have left design documents there, too.
        let written = serde_json::from_str(&told).ok().and_then(|told: serde_json::Value| {
            told.pointer("/history/0/docs_written").and_then(serde_json::Value::as_u64)
        });
        let written = written.filter(|written| *written >= self.documents);
        let written = written
            .ok_or_else(|| format!("not {} documents were replicated: {told}", self.documents))?;
        self.report.figure(name, written as f64 / seconds, "documents_per_second");
        other.ask("DELETE", copy, 200).await
    }

    /// How long each of some writes takes from its request to its being read on the other side.
    async fn live(&self, name: &str, other: &Target, copy: &str, end: &str) -> Outcome<()> {
        let source = format!("{}-live", self.database);
        self.target.ask("PUT", &source, 201).await?;
        other.ask("PUT", copy, 201).await?;
        let job = format!(
            r#"{{"source":"{}","target":{end},"continuous":true}}"#,
            source.trim_start_matches('/')
        );
        let cancel = job.replacen('{', r#"{"cancel":true,"#, 1);
        self.target.tell("POST", "/_replicate", job.as_bytes(), 202).await?;
        let mut times = Vec::new();
        for number in 0..=WRITES {
            let time = self.one(&source, other, copy, number).await?;
            // The first waits for the job's start.
            if number > 0 {
                times.push(time.as_secs_f64() * 1e3);
            }
            tokio::time::sleep(BETWEEN_WRITES).await;
        }
        self.target.tell("POST", "/_replicate", cancel.as_bytes(), 200).await?;
        times.sort_by(f64::total_cmp);
        let part = |of: usize| times.get(times.len() * of / 100).copied().unwrap_or_default();
        self.report.figure(&format!("{name}_p50"), part(50), "ms");
        self.report.figure(&format!("{name}_p99"), part(99), "ms");
        self.target.ask("DELETE", &source, 200).await?;
        other.ask("DELETE", copy, 200).await
    }

    async fn one(
        &self,
        source: &str,
        other: &Target,
        copy: &str,
        number: u64,
    ) -> Outcome<Duration> {
        let mut reader = other.connect().await?;
        let mut read = Vec::new();
        other.write(&mut read, "GET", &format!("{copy}/live-{number}"), b"");
        let start = Instant::now();
        self.target.tell("PUT", &format!("{source}/live-{number}"), b"{}", 201).await?;
        loop {
            let (answer, _) = reader.exchange_text(&read).await?;
            if answer.expect(200).is_ok() {
                return Ok(start.elapsed());
            }
            answer.expect(404)?;
            if start.elapsed() > PATIENCE {
                return Err("a live write did not arrive".into());
            }
            tokio::time::sleep(BETWEEN_READS).await;
        }
    }
}
