//! Measures any CouchDB-compatible server over keep-alive connections, one line a figure:
//! `name value unit`, and behind a `#` what CouchDB 3.5.0 reached. First come this machine's own
//! limits, since machines differ.
//!
//! The client shares the machine with the server, so it is a lean one: one thread, requests written by
//! hand. What it costs is printed beside what the server costs.
//!
//! `refuge-benchmark mesh` measures two nodes of refuge that know each other, `refuge-benchmark growth` one
//! database at several sizes.

mod access;
mod choosing;
mod cold;
mod connection;
mod cost;
mod databases;
mod disk;
mod documents;
mod figure;
mod growth;
mod load;
mod machine;
mod measure;
mod mesh;
mod operating;
mod people;
mod process;
mod questions;
mod rate;
mod reference;
mod replicating;
mod server;
mod sheet;
mod stalls;
mod target;

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::figure::Report;
use crate::measure::Part;
use crate::process::Process;
use crate::target::Target;

/// What a part of the benchmark comes to.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Measures a CouchDB-compatible server, and this machine.
#[derive(Parser)]
#[command(
    name = "refuge-benchmark",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// The server's URL with an admin's credentials: http://admin:secret@127.0.0.1:5984
    #[arg(required_unless_present = "command")]
    url: Option<String>,
    /// The server's process, for its processor time and memory; found by its port where it runs on
    /// this machine and may be looked at.
    #[arg(long)]
    pid: Option<u32>,
    /// How to start a server, for the time to its first answer: `{root}` stands for its directory,
    /// `{port}` for its port; the admin is `admin` with the password `secret`. Without a URL, this
    /// server is the one that is measured.
    #[arg(long)]
    command: Option<String>,
    /// The directory of the server's files, for what they take; the machine's disk is measured there too.
    /// Without it, that is the one of the server which --command starts.
    #[arg(long)]
    directory: Option<PathBuf>,
    /// How long each rate is measured.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Documents in the database whose changes are read and that is asked; CouchDB's figures are for
    /// 100000.
    #[arg(long, default_value_t = 100_000)]
    documents: u32,
    /// Only these groups of figures, after the documents have been loaded in bulk.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
}

/// What else is measured.
#[derive(Subcommand)]
enum Verb {
    Mesh(mesh::Arguments),
    Growth(growth::Arguments),
    /// Makes many databases and tells what they cost
    Databases(databases::Arguments),
    /// Writes for a while and tells the longest answers
    Stalls(stalls::Arguments),
    Cold(cold::Arguments),
}

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    if let Some(Verb::Mesh(arguments)) = &arguments.verb {
        return mesh::run(arguments);
    }
    // One thread: it leaves the other core to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match &arguments.verb {
        Some(Verb::Growth(arguments)) => runtime.block_on(growth::run(arguments)),
        Some(Verb::Databases(arguments)) => runtime.block_on(databases::run(arguments)),
        Some(Verb::Cold(arguments)) => runtime.block_on(cold::run(arguments)),
        Some(Verb::Stalls(arguments)) => runtime.block_on(stalls::run(arguments)),
        _ => runtime.block_on(run(arguments)),
    }
}

async fn run(arguments: Arguments) -> Outcome<()> {
    let time = Duration::from_secs(arguments.seconds);
    let directory = arguments.directory.as_deref();
    let started_here = if arguments.url.is_none() { std::env::temp_dir() } else { ".".into() };
    let limits = machine::measure(directory.unwrap_or(&started_here), time / 2).await?;
    let mut report = Report::new(limits);
    let started = match &arguments.command {
        Some(command) => Some(server::first_answers(command, &mut report).await?),
        None => None,
    };
    let (url, pid, root) = match (&arguments.url, &started) {
        (Some(url), _) => (url.clone(), arguments.pid, None),
        (None, Some(server)) => (server.url(), Some(server.pid()), Some(server.root())),
        (None, None) => return Err("neither a URL nor a command to start a server".into()),
    };
    let target = Target::parse(&url)?;
    let process = pid.or_else(|| target.process()).map(Process::new);
    if process.is_none() {
        println!(
            "# The server's process is not known (--pid): no processor time and no memory of it."
        );
    }
    let run = measure::Run {
        target: &target,
        process: process.as_ref(),
        data: root.or(directory),
        report: &report,
        command: arguments.command.as_deref(),
        time,
        parts: if arguments.only.is_empty() { Part::value_variants() } else { &arguments.only },
    };
    run.memory("idle")?;
    measure::all(&run, arguments.documents).await
}
