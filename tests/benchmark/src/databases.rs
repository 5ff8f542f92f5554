//! Many databases: how fast they are made, and what one that nobody uses costs in memory.
//! `refuge-benchmark databases URL --count 100000` measures as many as are asked for.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

use crate::documents::spread;
use crate::figure::Report;
use crate::process::Process;
use crate::rate::{repeat, whole};
use crate::target::Target;
use crate::{Outcome, disk, machine};

/// Connections over which databases are made and removed.
const CONNECTIONS: usize = 16;

/// Names of a page of the list of databases.
const PAGE: u64 = 20;
/// How long pages are asked for.
const PAGE_TIME: Duration = Duration::from_secs(2);

/// How long the server is given to close what nobody uses.
const MOST_REST: Duration = Duration::from_secs(300);
/// Memory that has not changed for so long is at rest.
const REST: Duration = Duration::from_secs(10);

/// What is measured.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The server's URL with an admin's credentials.
    url: String,
    /// How many databases are made.
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    /// Open each of them once, to see what it costs when it is closed again.
    #[arg(long)]
    touch: bool,
    /// The directory of the server's files, for what the databases take there.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// Leave the databases where they are.
    #[arg(long)]
    keep: bool,
}

/// Runs the verb.
pub(crate) async fn run(arguments: &Arguments) -> Outcome<()> {
    let directory = arguments.directory.clone().unwrap_or_else(|| ".".into());
    let limits = machine::measure(&directory, Duration::from_secs(1)).await?;
    let report = Report::new(limits);
    let target = Target::parse(&arguments.url)?;
    let process = target.process().map(Process::new);
    many(&target, process.as_ref(), &report, arguments).await
}

async fn many(
    target: &Target,
    process: Option<&Process>,
    report: &Report,
    arguments: &Arguments,
) -> Outcome<()> {
    let count = arguments.count;
    let memory = |name: &str, before: f64| -> Outcome<f64> {
        let Some(process) = process else { return Ok(0.0) };
        let now = process.resident_mebibytes()?;
        report.figure(&format!("resident_memory_{name}"), now, "MiB");
        let each = (now - before) * 1024.0 / count as f64;
        report.figure(&format!("memory_a_database_{name}"), each, "KiB");
        Ok(now)
    };
    let before = process.map(Process::resident_mebibytes).transpose()?.unwrap_or_default();
    create(target, process, report, count).await?;
    memory("made", before)?;
    lists(target, report, count).await?;
    if let Some(process) = process {
        report.figure("open_handles", process.open_handles()? as f64, "handles");
    }
    if let Some(directory) = &arguments.directory {
        report.figure("disk", disk::allocated(directory)?.mebibytes(), "MiB");
    }
    if arguments.touch {
        let seconds = each(target, "GET", count, 200).await?.as_secs_f64();
        report.figure(&format!("open_{count}"), seconds, "seconds");
        memory("open", before)?;
        rest(process).await?;
        memory("closed", before)?;
    }
    if !arguments.keep {
        let seconds = each(target, "DELETE", count, 200).await?.as_secs_f64();
        report.figure(&format!("delete_{count}"), seconds, "seconds");
    }
    Ok(())
}

/// The lists that tell of all databases, and a page of one.
async fn lists(target: &Target, report: &Report, count: u64) -> Outcome<()> {
    for (figure, path) in [("all_dbs_of", "/_all_dbs"), ("dbs_info_of", "/_dbs_info")] {
        let mut request = Vec::new();
        target.write(&mut request, "GET", path, b"");
        let list = whole(target, &request).await?;
        report.figure(&format!("{figure}_{count}"), list.time.as_secs_f64(), "seconds");
    }
    let to = target.clone();
    let page = move |number, request: &mut Vec<u8>| {
        let start = name(spread(number, count)).replace('/', "%22");
        let path = format!("/_all_dbs?limit={PAGE}&startkey={start}%22");
        to.write(request, "GET", &path, b"");
    };
    let rate = repeat(target, 1, PAGE_TIME, 200, page).await?;
    report.figure("page_of_20_databases_p50", rate.p50_micros / 1e3, "ms");
    Ok(())
}

/// Waits until the process's memory has come to rest.
async fn rest(process: Option<&Process>) -> Outcome<()> {
    let Some(process) = process else { return Ok(()) };
    let begun = Instant::now();
    let (mut lowest, mut since) = (f64::MAX, Instant::now());
    while since.elapsed() < REST && begun.elapsed() < MOST_REST {
        let now = process.resident_mebibytes()?;
        if now < lowest - 1.0 {
            (lowest, since) = (now, Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}

/// Makes so many databases.
pub(crate) async fn create(
    target: &Target,
    process: Option<&Process>,
    report: &Report,
    count: u64,
) -> Outcome<()> {
    let before = process.map(Process::processor_time).transpose()?;
    let time = each(target, "PUT", count, 201).await?;
    report.figure(&format!("create_{count}_databases"), time.as_secs_f64(), "seconds");
    report.figure("create_a_database", time.as_secs_f64() * 1e3 / count as f64, "ms");
    if let (Some(process), Some(before)) = (process, before) {
        let used = process.processor_time()?.saturating_sub(before);
        let micros = used.as_secs_f64() * 1e6 / count as f64;
        report.figure("create_a_database_server_cpu", micros, "us");
    }
    Ok(())
}

/// Removes them again.
pub(crate) async fn remove(target: &Target, count: u64) -> Outcome<()> {
    each(target, "DELETE", count, 200).await.map(|_| ())
}

/// Sends one request to each database.
async fn each(target: &Target, method: &'static str, count: u64, status: u16) -> Outcome<Duration> {
    let next = Arc::new(AtomicU64::new(0));
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        connections.push(target.connect().await?);
    }
    let start = Instant::now();
    let senders: Vec<_> = connections
        .into_iter()
        .map(|mut connection| {
            let (next, target) = (next.clone(), target.clone());
            tokio::spawn(async move {
                let mut request = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Ok::<_, Box<dyn std::error::Error + Send + Sync>>(());
                    }
                    target.write(&mut request, method, &name(number), b"");
                    connection.exchange(&request).await?.expect(status)?;
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await??;
    }
    Ok(start.elapsed())
}

/// A database of a user, as applications name them.
fn name(number: u64) -> String {
    format!("/userdb-{number:08x}")
}
