//! How cost grows with the number of documents: the same requests at several sizes of one database, as
//! a table in Markdown. The server is started here, since its restart and its disk are part of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

use crate::Outcome;
use crate::documents::{append, bulk, id};
use crate::measure::{Rate, repeat};
use crate::process::Process;
use crate::server::Server;
use crate::target::Target;

/// Documents in one `_bulk_docs`.
const BULK: u64 = 1_000;
/// Connections that load side by side.
const LOADERS: u64 = 4;
/// Rows of a page; what an application shows at once.
const PAGE: u64 = 100;
/// The database.
const DATABASE: &str = "/growth";

/// Measures the same requests in a database of growing size.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How to start the server, as for the other figures: with `{root}` and `{port}`.
    #[arg(long)]
    command: String,
    /// Sizes at which is measured, in documents.
    #[arg(long, value_delimiter = ',', default_value = "10000,100000,1000000,5000000")]
    sizes: Vec<u64>,
    /// How long each rate is measured.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
}

/// What was measured at one size: one row of the table.
struct Row {
    documents: u64,
    load: f64,
    put: Rate,
    puts: Rate,
    get: Rate,
    page: Rate,
    feed: Rate,
    resident_mebibytes: f64,
    disk_mebibytes: f64,
    restart: Duration,
    first_get: Duration,
}

/// Loads up to each size, measures there, and prints the rows as they come.
pub(crate) async fn run(arguments: &Arguments) -> Outcome<()> {
    let mut server = Server::start(&arguments.command).await?;
    Target::parse(&server.url())?.ask("PUT", DATABASE, 201).await?;
    println!(
        "| documents | load, documents/s | PUT, µs (p50, p99) | PUT at 64, /s (p99 ms) | GET at 64, /s (p99 ms) \
         | page of {PAGE}, µs | last {PAGE} changes, µs | memory, MiB | disk, MiB | restart, ms | first GET, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut loaded = 0;
    for &size in &arguments.sizes {
        let time = Duration::from_secs(arguments.seconds);
        let row = measure(&mut server, &mut loaded, size, time).await?;
        println!("{}", row.markdown());
    }
    Ok(())
}

async fn measure(server: &mut Server, loaded: &mut u64, size: u64, time: Duration) -> Outcome<Row> {
    let target = Target::parse(&server.url())?;
    let load = load(&target, *loaded..size).await?;
    *loaded = size;
    let put = puts(&target, 1, size, time).await?;
    let puts = puts(&target, 64, size, time).await?;
    let get = get(&target, size, time).await?;
    let page = page(&target, size, time).await?;
    let feed = feed(&target, time).await?;
    let resident_mebibytes = Process::new(server.pid()).resident_mebibytes()?;
    let restart = server.restart().await?;
    let target = Target::parse(&server.url())?;
    let asked = Instant::now();
    target.ask("GET", &format!("{DATABASE}/{}", id(size / 2)), 200).await?;
    let first_get = asked.elapsed();
    let disk_mebibytes = allocated_bytes(server.root())? as f64 / f64::from(1 << 20);
    Ok(Row {
        documents: size,
        load,
        put,
        puts,
        get,
        page,
        feed,
        resident_mebibytes,
        disk_mebibytes,
        restart,
        first_get,
    })
}

impl Row {
    fn markdown(&self) -> String {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        format!(
            "| {} | {:.0} | {:.0}, {:.0} | {:.0} ({:.1}) | {:.0} ({:.1}) | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.1} |",
            self.documents,
            self.load,
            self.put.p50_micros,
            self.put.p99_micros,
            self.puts.per_second,
            self.puts.p99_micros / 1e3,
            self.get.per_second,
            self.get.p99_micros / 1e3,
            self.page.p50_micros,
            self.feed.p50_micros,
            self.resident_mebibytes,
            self.disk_mebibytes,
            milliseconds(self.restart),
            milliseconds(self.first_get),
        )
    }
}

/// Loads these documents; how many a second.
async fn load(target: &Target, documents: std::ops::Range<u64>) -> Outcome<f64> {
    let start = Instant::now();
    let next = Arc::new(AtomicU64::new(documents.start));
    let mut loaders = Vec::new();
    for _ in 0..LOADERS {
        let (target, next, end) = (target.clone(), next.clone(), documents.end);
        let mut connection = target.connect().await?;
        loaders.push(tokio::spawn(async move {
            let (mut request, path) = (Vec::new(), format!("{DATABASE}/_bulk_docs"));
            loop {
                let first = next.fetch_add(BULK, Ordering::Relaxed);
                if first >= end {
                    return Ok::<(), Box<dyn std::error::Error + Send + Sync>>(());
                }
                target.write(&mut request, "POST", &path, &bulk(first, BULK.min(end - first)));
                connection.exchange(&request).await?.expect(201)?;
            }
        }));
    }
    for loader in loaders {
        loader.await??;
    }
    let count = documents.end.saturating_sub(documents.start) as f64;
    Ok(count / start.elapsed().as_secs_f64())
}

async fn puts(target: &Target, connections: usize, size: u64, time: Duration) -> Outcome<Rate> {
    let (to, path) = (target.clone(), format!("{DATABASE}/at-{size}-{connections}-"));
    let write = move |number: u64, request: &mut Vec<u8>| {
        let mut body = Vec::with_capacity(512);
        append(&mut body, None, number);
        to.write(request, "PUT", &format!("{path}{}", id(number)), &body);
    };
    repeat(target, connections, time, 201, write).await
}

async fn get(target: &Target, size: u64, time: Duration) -> Outcome<Rate> {
    let to = target.clone();
    let write = move |number: u64, request: &mut Vec<u8>| {
        to.write(request, "GET", &format!("{DATABASE}/{}", id(spread(number, size))), b"");
    };
    repeat(target, 64, time, 200, write).await
}

/// A page of documents that begins anywhere.
async fn page(target: &Target, size: u64, time: Duration) -> Outcome<Rate> {
    let to = target.clone();
    let write = move |number: u64, request: &mut Vec<u8>| {
        let start = id(spread(number, size));
        let path =
            format!("{DATABASE}/_all_docs?include_docs=true&limit={PAGE}&startkey=%22{start}%22");
        to.write(request, "GET", &path, b"");
    };
    repeat(target, 1, time, 200, write).await
}

/// The newest changes, as an application that opens asks for them.
async fn feed(target: &Target, time: Duration) -> Outcome<Rate> {
    let to = target.clone();
    let write = move |_, request: &mut Vec<u8>| {
        let path = format!("{DATABASE}/_changes?descending=true&limit={PAGE}");
        to.write(request, "GET", &path, b"");
    };
    repeat(target, 1, time, 200, write).await
}

/// Numbers far apart, each once in a while: the step shares no factor with round sizes.
fn spread(number: u64, size: u64) -> u64 {
    number.wrapping_mul(7_919) % size.max(1)
}

/// Bytes that the files below a directory take on disk, holes left out.
pub(crate) fn allocated_bytes(directory: &Path) -> Outcome<u64> {
    /// What `st_blocks` counts (POSIX).
    const BLOCK_BYTES: u64 = 512;
    let mut bytes = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            allocated_bytes(&entry.path())?
        } else {
            metadata.blocks() * BLOCK_BYTES
        };
    }
    Ok(bytes)
}
