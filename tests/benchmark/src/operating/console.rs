//! What the console and the metrics take to answer while the node has all the work that it can do.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use super::Operating;
use crate::Outcome;
use crate::load::load;
use crate::measure::{reading, writing};
use crate::rate::repeat_during;
use crate::server::Server;
use crate::target::Target;

/// Connections that read, and as many that write.
const CONNECTIONS: usize = 64;
const DOCUMENTS: u64 = 100_000;
/// Between two questions of a person.
const PAUSE: Duration = Duration::from_millis(5);
/// What is asked for by turns.
const COMMANDS: &[&str] = &["tree", "stats", "dbs", "replications"];

impl Operating<'_> {
    pub(super) async fn console_and_metrics(&self) -> Outcome<()> {
        let server = Server::start(self.command).await?;
        let target = Target::parse(&server.url())?;
        target.ask("PUT", "/busy", 201).await?;
        load(&target, "/busy", 4, 0..DOCUMENTS, None).await?;
        self.console(server.root(), "console_quiet").await?;
        self.scrape(&target, "metrics_scrape").await?;
        let read = reading(&target, "/busy", DOCUMENTS);
        let write = writing(&target, "/busy/more-");
        let working = async {
            self.console(server.root(), "console_under_load").await?;
            self.scrape(&target, "metrics_scrape_under_load").await
        };
        let reads = repeat_during(&target, CONNECTIONS, 200, read, working);
        let (writes, asked) = repeat_during(&target, CONNECTIONS, 201, write, reads).await?;
        let (reads, told) = asked?;
        told?;
        self.report.figure("load_of_reads", reads.per_second, "per_second");
        self.report.figure("load_of_writes", writes.per_second, "per_second");
        Ok(())
    }

    async fn console(&self, root: &Path, name: &str) -> Outcome<()> {
        let stream = UnixStream::connect(root.join("var/run/console.sock")).await?;
        let mut stream = BufReader::new(stream);
        let (begun, mut times, mut line) = (Instant::now(), Vec::new(), String::new());
        for command in COMMANDS.iter().cycle() {
            if begun.elapsed() > self.time {
                break;
            }
            let asked = Instant::now();
            let question = format!("{{\"command\":\"{command}\",\"arguments\":[]}}\n");
            stream.get_mut().write_all(question.as_bytes()).await?;
            line.clear();
            stream.read_line(&mut line).await?;
            times.push(asked.elapsed().as_secs_f64() * 1e3);
            if !line.starts_with("{\"ok\"") {
                return Err(format!("the console answers {command} with {line}").into());
            }
            tokio::time::sleep(PAUSE).await;
        }
        times.sort_by(f64::total_cmp);
        let part = |of: usize| times.get(times.len() * of / 100).copied().unwrap_or_default();
        self.report.figure(&format!("{name}_p50"), part(50), "ms");
        self.report.figure(&format!("{name}_p99"), part(99), "ms");
        Ok(())
    }
}
