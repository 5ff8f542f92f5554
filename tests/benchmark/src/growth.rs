//! How cost grows with the number of documents: the same requests at several sizes of one database, as
//! tables in Markdown. The server is started here, since its restart and its disk are part of it.

mod questions;
mod row;

use std::time::{Duration, Instant};

use clap::Args;

use crate::Outcome;
use crate::disk::allocated;
use crate::documents::{id, spread};
use crate::figure::Report;
use crate::load::load;
use crate::machine;
use crate::measure::{feed, reading, writing};
use crate::process::Process;
use crate::rate::{Rate, repeat};
use crate::server::Server;
use crate::target::Target;
use row::{HEAD, Row};

/// Connections that load side by side.
const LOADERS: usize = 4;
/// Rows of a page; what an application shows at once.
const PAGE: u64 = 100;
/// The database.
const DATABASE: &str = "/growth";
/// Another, in which is written while an index of the first is built.
const BESIDE: &str = "/growth-beside";

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
    /// Seconds between the load and what is measured. Without a rest, merges of what was loaded go on
    /// beside it, as they do for whoever loads and asks at once.
    #[arg(long, default_value_t = 0)]
    rest: u64,
    /// Only documents: no views and no selectors.
    #[arg(long)]
    documents_only: bool,
}

/// Loads up to each size, measures there, and prints the rows as they come; the answers to questions
/// follow as a table of their own.
pub(crate) async fn run(arguments: &Arguments) -> Outcome<()> {
    let time = Duration::from_secs(arguments.seconds);
    let limits = machine::measure(&std::env::temp_dir(), time / 2).await?;
    Report::new(limits);
    let mut server = Server::start(&arguments.command).await?;
    let target = Target::parse(&server.url())?;
    target.ask("PUT", DATABASE, 201).await?;
    target.ask("PUT", BESIDE, 201).await?;
    println!("{HEAD}");
    let (mut loaded, mut answers) = (0, Vec::new());
    for &size in &arguments.sizes {
        let load = loading(&server, loaded..size).await?;
        tokio::time::sleep(Duration::from_secs(arguments.rest)).await;
        let row = measure(&mut server, (size, load), time).await?;
        println!("{}", row.markdown());
        loaded = size;
        if !arguments.documents_only {
            let target = Target::parse(&server.url())?;
            answers.push(questions::ask(&target, size, time).await?);
        }
    }
    questions::print(&answers);
    Ok(())
}

/// Loads, and tells the documents a second.
async fn loading(server: &Server, documents: std::ops::Range<u64>) -> Outcome<f64> {
    let target = Target::parse(&server.url())?;
    let new = documents.end.saturating_sub(documents.start);
    let start = Instant::now();
    load(&target, DATABASE, LOADERS, documents, None).await?;
    Ok(new as f64 / start.elapsed().as_secs_f64())
}

async fn measure(server: &mut Server, (size, load): (u64, f64), time: Duration) -> Outcome<Row> {
    let target = Target::parse(&server.url())?;
    let put = write(&target, 1, size, time).await?;
    let puts = write(&target, 64, size, time).await?;
    let get = repeat(&target, 64, time, 200, reading(&target, DATABASE, size)).await?;
    let page = page(&target, size, time).await?;
    let last_changes = last_changes(&target, time).await?;
    let rows = size + put.count + puts.count;
    let changes = feed(&target, DATABASE, false).await?.time;
    let changes_with_documents = feed(&target, DATABASE, true).await?.time;
    Ok(Row {
        documents: size,
        load,
        put,
        puts,
        get,
        page,
        last_changes,
        changes_per_second: rows as f64 / changes.as_secs_f64(),
        changes_with_documents_per_second: rows as f64 / changes_with_documents.as_secs_f64(),
        resident_mebibytes: Process::new(server.pid()).resident_mebibytes()?,
        restart: server.restart().await?,
        first_get: first_get(server, size).await?,
        disk_mebibytes: allocated(server.root())?.mebibytes(),
    })
}

async fn write(target: &Target, connections: usize, size: u64, time: Duration) -> Outcome<Rate> {
    let request = writing(target, &format!("{DATABASE}/at-{size}-{connections}-"));
    repeat(target, connections, time, 201, request).await
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
async fn last_changes(target: &Target, time: Duration) -> Outcome<Rate> {
    let to = target.clone();
    let write = move |_, request: &mut Vec<u8>| {
        let path = format!("{DATABASE}/_changes?descending=true&limit={PAGE}");
        to.write(request, "GET", &path, b"");
    };
    repeat(target, 1, time, 200, write).await
}

/// The first document that is read after a restart.
async fn first_get(server: &Server, size: u64) -> Outcome<Duration> {
    let target = Target::parse(&server.url())?;
    let asked = Instant::now();
    target.ask("GET", &format!("{DATABASE}/{}", id(size / 2)), 200).await?;
    Ok(asked.elapsed())
}
