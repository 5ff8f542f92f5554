//! `refuge foreground`: runs a node until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use refuge_config::{Layout, Settings, Sources, load};
use refuge_supervisors::{Ended, RunningNode, SetLogLevel, StartOptions, start};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Root;
use crate::exit::Failure;
use crate::{directories, logging};

/// Least number of threads that run actors: one that is busy must not hold up all others.
const LEAST_WORKERS: usize = 2;

/// Threads for what blocks (cold reads, hashing): more would only wait for the same disk and cores.
const BLOCKING_THREADS: usize = 32;

/// The ordered shutdown has 5 s in the supervisors' budgets; beyond it something hangs.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// How long threads that block may take to end after that.
const THREADS_LIMIT: Duration = Duration::from_millis(200);

/// Run a node until SIGTERM or SIGINT
#[derive(Debug, Args)]
pub(crate) struct Foreground {
    #[command(flatten)]
    pub(super) root: Root,
    /// Read this configuration file after etc/refuge.toml; may be repeated, later ones win
    #[arg(long, value_name = "FILE")]
    pub(super) config: Vec<PathBuf>,
    /// Set one key, above all files and the environment; may be repeated
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub(super) set: Vec<String>,
}

impl Foreground {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let sources = Sources {
            root: self.root.absolute()?,
            files: self.config,
            environment: environment(),
            overrides: self.set,
        };
        let settings = load(&sources)?;
        directories::make(&Layout::new(&sources.root))?;
        let set_log_level = logging::begin(&settings);
        let runtime = runtime()?;
        let outcome = runtime.block_on(live(sources, &settings, set_log_level));
        runtime.shutdown_timeout(THREADS_LIMIT);
        outcome
    }
}

/// Variables that are not text are not ours.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

fn runtime() -> Result<Runtime, Failure> {
    let cores = std::thread::available_parallelism().map_or(LEAST_WORKERS, usize::from);
    Builder::new_multi_thread()
        .worker_threads(cores.max(LEAST_WORKERS))
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("refuge")
        .enable_all()
        .build()
        .map_err(Failure::Runtime)
}

/// From start to end.
async fn live(
    sources: Sources,
    settings: &Settings,
    set_log_level: SetLogLevel,
) -> Result<(), Failure> {
    // Before the start, so that a signal during it is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Runtime)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(Failure::Runtime)?;
    tracing::info!(root = %settings.root.display(), "starting");
    let options = StartOptions { sources, announce_mesh: Arc::new(announce_mesh), set_log_level };
    let mut node = start(options).await?;
    announce(&node);
    loop {
        tokio::select! {
            ended = node.wait() => return match ended {
                Ended::GaveUp(reason) => Err(Failure::GaveUp(reason)),
                Ended::Shutdown => Ok(()),
            },
            name = either(&mut terminate, &mut interrupt) => {
                tracing::info!(signal = name, "shutting down");
                return stop(&node).await;
            }
            Some(()) = hang_up.recv() => node.reload().await,
            () = node.restart_asked() => {
                tracing::info!("restarting, as an admin asked");
                node.restart().await?;
                tracing::info!("restarted");
            }
        }
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

async fn stop(node: &RunningNode) -> Result<(), Failure> {
    match tokio::time::timeout(SHUTDOWN_LIMIT, node.shutdown()).await {
        Ok(_) => {
            tracing::info!("stopped");
            Ok(())
        }
        Err(_) => Err(Failure::ShutdownTooSlow(SHUTDOWN_LIMIT)),
    }
}

/// Told once, when the node begins to listen for others.
fn announce_mesh(address: SocketAddr) {
    let mut output = std::io::stdout();
    let _ = writeln!(output, "refuge mesh listening on {address}");
    let _ = output.flush();
}

/// Standard output holds these lines and the mesh's; nobody reading it is no reason to stop. The set-up link is a
/// secret: it goes to the terminal directly and never through the log.
fn announce(node: &RunningNode) {
    let mut output = std::io::stdout();
    let _ = writeln!(output, "refuge listening on http://{}/", node.address);
    if let Some(address) = node.tls_address {
        let _ = writeln!(output, "refuge listening on https://{address}/");
    }
    let _ = output.flush();
    if let Some(link) = &node.set_up_link {
        let _ = writeln!(
            std::io::stderr(),
            "No admin exists yet. Make one within 15 minutes at: {link}"
        );
    }
}
