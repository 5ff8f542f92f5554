//! What it is to run a node: its start with many databases, backups, the console and the metrics while it works,
//! and what counting and logging cost. Each on nodes that are started for it, since no other server has them.

mod backups;
mod console;
mod watching;

use std::time::Duration;

use crate::Outcome;
use crate::databases;
use crate::figure::Report;
use crate::process::Process;
use crate::rate::repeat;
use crate::server::Server;
use crate::target::Target;

/// Databases that are there at the start.
const DATABASES: u64 = 10_000;
/// Starts of which the middle one counts.
const STARTS: usize = 5;

/// What is measured, and where the figures go.
pub(crate) struct Operating<'a> {
    /// How a node is started; its first word is the program.
    pub(crate) command: &'a str,
    pub(crate) report: &'a Report,
    /// How long each rate is measured.
    pub(crate) time: Duration,
}

/// Measures all of it.
pub(crate) async fn all(operating: &Operating<'_>) -> Outcome<()> {
    operating.starts().await?;
    operating.backups().await?;
    operating.console_and_metrics().await?;
    operating.watching().await
}

impl Operating<'_> {
    /// The time to the first answer of a node with many databases.
    async fn starts(&self) -> Outcome<()> {
        let mut server = Server::start(self.command).await?;
        let target = Target::parse(&server.url())?;
        let process = Process::new(server.pid());
        databases::create(&target, Some(&process), self.report, DATABASES).await?;
        let mut times = Vec::new();
        for _ in 0..STARTS {
            times.push(server.restart().await?.as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let name = format!("first_answer_with_{DATABASES}_databases");
        self.report.figure(&name, times.get(STARTS / 2).copied().unwrap_or_default(), "ms");
        self.report.figure(
            &format!("{name}_longest"),
            times.last().copied().unwrap_or_default(),
            "ms",
        );
        Ok(())
    }

    /// The text that Prometheus reads, one scrape after the other.
    async fn scrape(&self, target: &Target, name: &str) -> Outcome<()> {
        let to = target.clone();
        let ask = move |_, request: &mut Vec<u8>| {
            to.write(request, "GET", "/_node/_local/_prometheus", b"");
        };
        let rate = repeat(target, 1, self.time, 200, ask).await?;
        self.report.figure(&format!("{name}_p50"), rate.p50_micros / 1e3, "ms");
        self.report.figure(&format!("{name}_p99"), rate.p99_micros / 1e3, "ms");
        Ok(())
    }
}
