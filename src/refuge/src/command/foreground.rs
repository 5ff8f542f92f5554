//! `refuge foreground`: runs a node until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use refuge_config::{Layout, Sources, load};
use refuge_supervisors::{End, Ended, RunningNode, StartOptions, start};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Root;
use super::next::Next;
use crate::exit::Failure;
use crate::logging::{self, Logging};
use crate::{directories, service};

/// Least number of threads that run actors: one that is busy must not hold up all others.
const LEAST_WORKERS: usize = 2;

/// Threads for what blocks (cold reads, hashing), at most. Where data is larger than memory nobody knows before
/// which read waits for the disk, so what is in memory must find a thread while many wait; those that nobody
/// needs end by themselves.
const BLOCKING_THREADS: usize = 256;

/// The ordered shutdown has 5 s in the supervisors' budgets; beyond it something hangs.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// How long threads that block may take to end after that.
const THREADS_LIMIT: Duration = Duration::from_millis(200);

/// How long hooks of `stopping` may take before the shutdown begins: whoever stops a node waits for them.
pub(super) const HOOKS_LIMIT: Duration = Duration::from_secs(2);

/// What stands before the URL on standard output once the node listens.
pub(super) const READY: &str = "refuge listening on ";

/// Run a node until SIGTERM or SIGINT
#[derive(Debug, Args)]
pub(crate) struct Foreground {
    #[command(flatten)]
    pub(super) start: How,
    /// In a session of its own, with log files: as `start` has it
    #[arg(long, hide = true)]
    detached: bool,
}

/// With what a node is started.
#[derive(Debug, Args)]
pub(crate) struct How {
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
        if self.detached {
            // It fails where this leads a group already, which is as good.
            let _ = rustix::process::setsid();
        }
        let place = if self.detached { Place::Detached } else { Place::Terminal };
        self.start.run(place, |node| announce(node, place))
    }
}

/// Where a node runs, as far as it concerns what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Before somebody's eyes.
    Terminal,
    /// In the background, begun by somebody who hears standard output until the node is up.
    Detached,
    /// Behind a prompt, which has the terminal for itself.
    Prompt,
}

impl How {
    /// Where all settings come from.
    fn sources(&self) -> Result<Sources, Failure> {
        Ok(Sources {
            root: self.root.absolute()?,
            version: Some(crate::release::VERSION.clone()),
            files: self.config.clone(),
            environment: environment(),
            overrides: self.set.clone(),
        })
    }

    /// Runs the node until its end; `up` is told of it once it is up.
    pub(super) fn run(&self, place: Place, up: impl FnOnce(&RunningNode)) -> Result<(), Failure> {
        let sources = self.sources()?;
        let settings = load(&sources)?;
        let layout = Layout::new(&sources.root);
        if let Some(beside) = refuge_storage::unfinished_restore(&layout.data()) {
            return Err(Failure::Unrestored { data: layout.data(), beside });
        }
        directories::make(&layout)?;
        let logging = logging::begin(&settings, place != Place::Terminal)?;
        let runtime = runtime()?;
        tracing::info!(
            root = %settings.root.display(),
            version = crate::release::VERSION.as_str(),
            "starting"
        );
        let outcome = runtime.block_on(live(options(sources, &logging, place), up));
        runtime.shutdown_timeout(THREADS_LIMIT);
        match outcome? {
            None => Ok(()),
            Some(next) => Err(next.go_on()),
        }
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
        .on_thread_park(crate::allocator::give_back_own)
        .enable_all()
        .build()
        .map_err(Failure::Runtime)
}

fn options(sources: Sources, logging: &Logging, place: Place) -> StartOptions {
    StartOptions {
        sources,
        announce_mesh: match place {
            Place::Terminal | Place::Detached => Arc::new(announce_mesh),
            Place::Prompt => Arc::new(|_| ()),
        },
        set_log_level: logging.set_level(),
        read_log: logging.read(),
        may_upgrade: Arc::new(crate::release::may_upgrade),
        sockets: crate::sockets::inherited(),
    }
}

/// From start to end.
async fn live(
    options: StartOptions,
    up: impl FnOnce(&RunningNode),
) -> Result<Option<Next>, Failure> {
    // Before the start, so that a signal during it is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Runtime)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Runtime)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(Failure::Runtime)?;
    let mut node = start(options).await?;
    up(&node);
    service::ready(&node.address.to_string());
    loop {
        tokio::select! {
            ended = node.wait() => return match ended {
                Ended::GaveUp(reason) => Err(Failure::GaveUp(reason)),
                Ended::Shutdown => Ok(None),
            },
            name = either(&mut terminate, &mut interrupt) => {
                tracing::info!(signal = name, "shutting down");
                return stop(&node).await.map(|()| None);
            }
            end = node.end_asked() => match end {
                End::Shutdown => {
                    tracing::info!("shutting down, as an admin asked");
                    return stop(&node).await.map(|()| None);
                }
                End::Upgrade(version) => match Next::prepare(&node, &version) {
                    Ok(next) => return next.hand_over(&node).await.map(Some),
                    Err(error) => tracing::error!(%error, version, "it cannot go on as another version"),
                },
            },
            () = node.restart_asked() => restart(&mut node).await?,
            _ = hang_up.recv() => reload(&node).await,
        }
    }
}

/// What is wrong in a file is logged, and the node goes on as it is.
async fn restart(node: &mut RunningNode) -> Result<(), Failure> {
    let settings = match node.read_settings() {
        Ok(settings) => settings,
        Err(error) => {
            tracing::error!(%error, "the node was not restarted: with these settings it would not start");
            return Ok(());
        }
    };
    tracing::info!("restarting, as an admin asked");
    node.restart(settings).await?;
    tracing::info!("restarted");
    Ok(())
}

/// What is wrong in a file is logged, and all stays as it was.
async fn reload(node: &RunningNode) {
    service::reloading();
    if let Err(reason) = node.reload().await {
        tracing::warn!(reason, "SIGHUP: the configuration was not read anew");
    }
    service::ready(&node.address.to_string());
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

async fn stop(node: &RunningNode) -> Result<(), Failure> {
    service::stopping();
    node.tell_stopping(HOOKS_LIMIT).await;
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
/// secret: it goes to the terminal directly and never through the log, and of a node in the background to
/// whoever starts it.
fn announce(node: &RunningNode, place: Place) {
    let mut output = std::io::stdout();
    let _ = writeln!(output, "{READY}http://{}/", node.address);
    if let Some(address) = node.tls_address {
        let _ = writeln!(output, "{READY}https://{address}/");
    }
    if place == Place::Detached {
        announce_link(node, &mut output);
        let _ = writeln!(output, "{}", super::start::up_line());
    } else {
        announce_link(node, &mut std::io::stderr());
    }
    let _ = output.flush();
}

/// How the first admin is made, where there is none.
pub(super) fn announce_link(node: &RunningNode, output: &mut impl Write) {
    if let Some(link) = &node.set_up_link {
        let _ = writeln!(output, "No admin exists yet. Make one within 15 minutes at: {link}");
    }
}
