//! The measurements themselves: rates with their latencies, whole feeds, and what they cost on both
//! sides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::databases;
use crate::documents::{append, bulk, id};
use crate::figure::Report;
use crate::process::{Process, own_time};
use crate::target::Target;

/// Databases that are made and removed.
const MANY_DATABASES: u64 = 1_000;
/// Documents in one `_bulk_docs`.
const BULK: u64 = 1_000;
/// A part that takes longer is cut short and told for what was done.
const PART_LIMIT: Duration = Duration::from_secs(30);
/// Reads of a whole feed; the middle one counts, unless one alone takes long.
const FEED_ROUNDS: usize = 3;
/// A feed that takes longer is read once.
const FEED_ONCE: Duration = Duration::from_secs(3);

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    /// Time for each rate.
    pub(crate) time: Duration,
    /// Documents whose changes are read.
    pub(crate) documents: u32,
}

/// A rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Requests per second.
    pub(crate) per_second: f64,
    /// Median latency in microseconds.
    pub(crate) p50_micros: f64,
    /// 99th percentile.
    pub(crate) p99_micros: f64,
    /// Requests that were counted.
    pub(crate) count: u64,
    /// This program's processor time per request.
    pub(crate) client_micros: f64,
}

/// What one side of a comparison has cost since it began.
struct Cost<'a> {
    process: Option<&'a Process>,
    before: Option<Duration>,
}

impl<'a> Cost<'a> {
    fn begin(process: Option<&'a Process>) -> Outcome<Self> {
        let before = process.map(Process::processor_time).transpose()?;
        Ok(Self { process, before })
    }

    fn tell(self, report: &Report, name: &str, count: u64, unit: &str) -> Outcome<()> {
        if let (Some(process), Some(before)) = (self.process, self.before) {
            let used = process.processor_time()?.saturating_sub(before);
            report.figure(&format!("{name}_server_cpu"), micros(used, count), unit);
        }
        Ok(())
    }
}

fn micros(time: Duration, count: u64) -> f64 {
    time.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// Sends requests over `connections` connections for `time`, one after the other on each, the
/// `number`-th as `write` makes it.
pub(crate) async fn repeat<W>(
    target: &Target,
    connections: usize,
    time: Duration,
    status: u16,
    write: W,
) -> Outcome<Rate>
where
    W: Fn(u64, &mut Vec<u8>) + Clone + Send + 'static,
{
    let next = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut senders = Vec::with_capacity(connections);
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(target.connect().await?);
    }
    let (start, own) = (Instant::now(), own_time());
    for mut connection in open {
        let (next, stop, write) = (next.clone(), stop.clone(), write.clone());
        senders.push(tokio::spawn(async move {
            let (mut request, mut latencies) = (Vec::new(), Vec::<u32>::new());
            while !stop.load(Ordering::Relaxed) {
                write(next.fetch_add(1, Ordering::Relaxed), &mut request);
                let asked = Instant::now();
                connection.exchange(&request).await?.expect(status)?;
                latencies.push(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(latencies)
        }));
    }
    tokio::time::sleep(time).await;
    stop.store(true, Ordering::Relaxed);
    let mut latencies = Vec::new();
    for sender in senders {
        latencies.extend(sender.await??);
    }
    Ok(rate(latencies, start.elapsed(), own_time().saturating_sub(own)))
}

fn rate(mut latencies: Vec<u32>, elapsed: Duration, own: Duration) -> Rate {
    latencies.sort_unstable();
    let part = |hundredths: usize| {
        let place = latencies.len() * hundredths / 100;
        latencies.get(place).or(latencies.last()).copied().map_or(0.0, f64::from)
    };
    let count = latencies.len() as u64;
    Rate {
        per_second: count as f64 / elapsed.as_secs_f64(),
        p50_micros: part(50),
        p99_micros: part(99),
        count,
        client_micros: micros(own, count),
    }
}

/// Everything, in databases that are removed afterwards.
pub(crate) async fn all(
    target: &Target,
    process: Option<&Process>,
    report: &mut Report,
    size: Size,
) -> Outcome<()> {
    let name = format!("/benchmark-{}", std::process::id());
    let (single, many) = (format!("{name}-single"), format!("{name}-many"));
    target.ask("PUT", &single, 201).await?;
    target.ask("PUT", &many, 201).await?;
    let run = Run { target, process, report, time: size.time };
    let result = async {
        run.puts(&single).await?;
        databases::create(target, process, run.report, MANY_DATABASES).await?;
        databases::remove(target, MANY_DATABASES).await?;
        let loaded = run.bulks(&many, u64::from(size.documents)).await?;
        run.gets(&many, loaded).await?;
        run.feed(&many, loaded, false).await?;
        run.feed(&many, loaded, true).await
    }
    .await;
    target.ask("DELETE", &single, 200).await?;
    target.ask("DELETE", &many, 200).await?;
    result
}

struct Run<'a> {
    target: &'a Target,
    process: Option<&'a Process>,
    report: &'a Report,
    time: Duration,
}

impl Run<'_> {
    fn rate(&self, name: &str, rate: Rate) {
        self.report.figure(name, rate.per_second, "per_second");
        self.report.figure(&format!("{name}_p50"), rate.p50_micros, "us");
        self.report.figure(&format!("{name}_p99"), rate.p99_micros, "us");
        self.report.figure(&format!("{name}_client_cpu"), rate.client_micros, "us_per_request");
    }

    async fn puts(&self, database: &str) -> Outcome<()> {
        for connections in [1, 64] {
            let (target, path) = (self.target.clone(), format!("{database}/at-{connections}-"));
            let write = move |number: u64, request: &mut Vec<u8>| {
                let mut body = Vec::with_capacity(512);
                append(&mut body, None, number);
                target.write(request, "PUT", &format!("{path}{}", id(number)), &body);
            };
            let name = format!("put_{connections}");
            let cost = Cost::begin(self.process)?;
            let rate = repeat(self.target, connections, self.time, 201, write).await?;
            self.rate(&name, rate);
            cost.tell(self.report, &name, rate.count, "us_per_request")?;
        }
        Ok(())
    }

    /// Loads `documents`, half over one connection and half over four; how many are in.
    async fn bulks(&self, database: &str, documents: u64) -> Outcome<u64> {
        let half = documents / 2 / BULK;
        let mut loaded = 0;
        for (connections, bulks) in [(1, half), (4, documents / BULK - half)] {
            let name = format!("bulk_{connections}");
            let cost = Cost::begin(self.process)?;
            let (start, own) = (Instant::now(), own_time());
            let done =
                self.bulk(database, connections, loaded / BULK..loaded / BULK + bulks).await?;
            let (elapsed, own) = (start.elapsed(), own_time().saturating_sub(own));
            let count = done * BULK;
            self.report.figure(&name, count as f64 / elapsed.as_secs_f64(), "documents_per_second");
            self.report.figure(
                &format!("{name}_client_cpu"),
                micros(own, count),
                "us_per_document",
            );
            cost.tell(self.report, &name, count, "us_per_document")?;
            loaded += count;
        }
        Ok(loaded)
    }

    /// Loads these bulks; how many were done in time.
    async fn bulk(
        &self,
        database: &str,
        connections: u64,
        bulks: std::ops::Range<u64>,
    ) -> Outcome<u64> {
        // Bodies are made before the clock of each request matters: they cost little beside it.
        let (next, limit) = (Arc::new(AtomicU64::new(bulks.start)), Instant::now() + PART_LIMIT);
        let mut loaders = Vec::new();
        for _ in 0..connections {
            let (target, next, end) = (self.target.clone(), next.clone(), bulks.end);
            let path = format!("{database}/_bulk_docs");
            let mut connection = target.connect().await?;
            loaders.push(tokio::spawn(async move {
                let (mut request, mut done) = (Vec::new(), 0);
                while Instant::now() < limit {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        break;
                    }
                    target.write(&mut request, "POST", &path, &bulk(number * BULK, BULK));
                    connection.exchange(&request).await?.expect(201)?;
                    done += 1;
                }
                Ok::<u64, Box<dyn std::error::Error + Send + Sync>>(done)
            }));
        }
        let mut done = 0;
        for loader in loaders {
            done += loader.await??;
        }
        Ok(done)
    }

    async fn gets(&self, database: &str, documents: u64) -> Outcome<()> {
        for connections in [1, 64] {
            let (target, path) = (self.target.clone(), format!("{database}/"));
            let write = move |number: u64, request: &mut Vec<u8>| {
                // Far apart, each once in a while: a step that shares no factor with the count.
                let number = number.wrapping_mul(7_919) % documents.max(1);
                target.write(request, "GET", &format!("{path}{}", id(number)), b"");
            };
            let name = format!("get_{connections}");
            let cost = Cost::begin(self.process)?;
            let rate = repeat(self.target, connections, self.time, 200, write).await?;
            self.rate(&name, rate);
            cost.tell(self.report, &name, rate.count, "us_per_request")?;
        }
        Ok(())
    }

    async fn feed(&self, database: &str, documents: u64, with_documents: bool) -> Outcome<()> {
        let (name, query) = if with_documents {
            (format!("changes_{documents}_with_documents"), "?include_docs=true")
        } else {
            (format!("changes_{documents}"), "")
        };
        let mut request = Vec::new();
        self.target.write(&mut request, "GET", &format!("{database}/_changes{query}"), b"");
        let mut connection = self.target.connect().await?;
        let (mut times, mut bytes) = (Vec::new(), 0);
        let cost = Cost::begin(self.process)?;
        while times.len() < FEED_ROUNDS && times.iter().all(|time| *time < FEED_ONCE) {
            let start = Instant::now();
            let answer = connection.exchange(&request).await?;
            times.push(start.elapsed());
            answer.expect(200)?;
            bytes = answer.bytes;
        }
        times.sort_unstable();
        let middle = times.get(times.len() / 2).copied().unwrap_or_default();
        self.report.figure(&name, middle.as_secs_f64(), "seconds");
        self.report.figure(&format!("{name}_size"), bytes as f64, "bytes");
        cost.tell(self.report, &name, documents * times.len() as u64, "us_per_row")
    }
}
