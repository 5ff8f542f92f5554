//! A whole node: started from its configuration, waited for, shut down. Several can live in one
//! process; nothing here is global.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use refuge_actors::authenticator::SetUpLink;
use refuge_actors::own_events::{self, NewOwnEvent, OwnEventKind};
use refuge_config::{ConfigurationError, Layout, Settings, Sources, load};
use refuge_otp::{Names, StartError, SupervisorHandle};

use crate::{AnnounceMesh, End, MayUpgrade, Parts, ReadLog, SetLogLevel, Sockets, parts};

/// How long the set-up link works.
const SET_UP_TIME: Duration = Duration::from_secs(15 * 60);

/// What a node is started with.
#[derive(Clone)]
pub struct StartOptions {
    /// Where its settings come from; the root is among them, and its directories exist.
    pub sources: Sources,
    /// Told where the node listens for other nodes, once it does.
    pub announce_mesh: AnnounceMesh,
    /// Told how much is to be logged, at the start and at every change.
    pub set_log_level: SetLogLevel,
    /// The last lines of the log, for the console.
    pub read_log: ReadLog,
    /// As which versions it can go on, for the console.
    pub may_upgrade: MayUpgrade,
    /// Sockets that somebody bound before.
    pub sockets: Arc<Mutex<Sockets>>,
}

/// Why a node did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartFailure {
    /// The configuration is wrong.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// An admin's password hash is in no known form.
    #[error("{0}")]
    Admin(String),
    /// The system's source of randomness failed.
    #[error("no set-up link could be made: {0}")]
    Randomness(String),
    /// A child of the tree did not start.
    #[error(transparent)]
    Tree(#[from] StartError),
    /// The certificate for TLS cannot be used.
    #[error("{0}")]
    Tls(String),
    /// The socket's address could not be told.
    #[error("{0}")]
    Address(String),
}

/// Why a node ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Shutdown,
    /// Its root supervisor gave up, for this reason.
    GaveUp(String),
}

/// A running node.
pub struct RunningNode {
    root: SupervisorHandle,
    parts: Parts,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it listens for clients over TLS, if it does.
    pub tls_address: Option<SocketAddr>,
    /// The link that makes the first admin, when there is none. A secret for the terminal alone.
    pub set_up_link: Option<String>,
}

/// Starts a node: every actor in order, each after those it stands on.
///
/// # Errors
/// [`StartFailure`]; what had been started is stopped again.
pub async fn start(options: StartOptions) -> Result<RunningNode, StartFailure> {
    let StartOptions { sources, announce_mesh, set_log_level, read_log, may_upgrade, sockets } =
        options;
    let settings = read(&sources)?;
    let set_up = if settings.admins.is_empty() { Some(set_up_link()?) } else { None };
    let mut parts = Parts::new(sources, settings, set_up.clone(), announce_mesh);
    parts.set_log_level = set_log_level;
    parts.host.read_log = read_log;
    parts.host.may_upgrade = may_upgrade;
    parts.give(std::mem::take(&mut *sockets.lock().unwrap_or_else(PoisonError::into_inner)));
    // Bound before the tree starts, so that an address in use is told at once.
    let bound = |error| StartFailure::Address(format!("{error}"));
    let socket = parts.http_socket.bind().map_err(bound)?;
    let address = socket.local_addr().map_err(|error| bound(error.into()))?;
    let tls_address = bind_tls(&parts)?;
    let identity = Layout::new(&parts.sources.root).identity();
    let taken = move || refuge_actors::node_identity::take_next(&identity);
    // A thread that panicked told why; the node goes on as it was.
    let _ = tokio::task::spawn_blocking(taken).await;
    let names = Names::new(address.to_string());
    let root = refuge_otp::start(crate::specification(&parts), names).await?;
    own_events::tell(root.names(), NewOwnEvent::new(OwnEventKind::Started, ""));
    let set_up_link = set_up.map(|link| format!("http://{address}/_setup/{}", link.token));
    Ok(RunningNode { root, parts, address, tls_address, set_up_link })
}

/// The settings, with which a node can start.
fn read(sources: &Sources) -> Result<Settings, StartFailure> {
    let settings: Settings = load(sources)?;
    refuge_actors::configuration::check_admins(&settings).map_err(StartFailure::Admin)?;
    if settings.ssl.enabled {
        refuge_actors::tls_listener::check(&settings).map_err(StartFailure::Tls)?;
    }
    Ok(settings)
}

/// Binds the socket for clients over TLS, where they are wanted.
fn bind_tls(parts: &Parts) -> Result<Option<SocketAddr>, StartFailure> {
    if !parts.settings.ssl.enabled {
        return Ok(None);
    }
    let bound = parts.tls_socket.bind().and_then(|socket| Ok(socket.local_addr()?));
    bound.map(Some).map_err(|error| StartFailure::Address(error.to_string()))
}

fn set_up_link() -> Result<SetUpLink, StartFailure> {
    SetUpLink::new(SET_UP_TIME).map_err(|error| StartFailure::Randomness(error.to_string()))
}

impl RunningNode {
    /// Waits until the node has ended.
    pub async fn wait(&self) -> Ended {
        self.root.wait().await.into()
    }

    /// Shuts it down in reverse order: accepted requests are finished, what was written is on disk.
    pub async fn shutdown(&self) -> Ended {
        let end = self.root.shutdown().await;
        // Only here: the socket outlives restarts of its listener, and nobody could reach it without.
        refuge_actors::console_listener::remove(&self.parts.sources.root);
        end.into()
    }

    /// Waits until an admin asks for a restart.
    pub async fn restart_asked(&self) {
        self.parts.host.restart.asked().await;
    }

    /// Waits until an admin asks for its end, and how it is to be.
    pub async fn end_asked(&self) -> End {
        self.parts.host.end.asked().await
    }

    /// Its sockets once more, for a process that goes on with them.
    ///
    /// # Errors
    /// The system's, when a socket cannot be given out.
    pub fn sockets(&self) -> io::Result<Sockets> {
        self.parts.sockets()
    }

    /// Shuts it down in order; the console's socket stays where it is, for who goes on with it.
    pub async fn hand_over(&self) {
        self.root.shutdown().await;
    }

    /// Has the hooks of `stopping` run, before a shutdown; for so long at most.
    pub async fn tell_stopping(&self, most: Duration) {
        own_events::stopping(self.root.names(), most).await;
    }

    /// Reads the configuration's files anew, as `_config/_reload` does.
    ///
    /// # Errors
    /// A sentence that names what is wrong; the settings stay as they were.
    pub async fn reload(&self) -> Result<(), String> {
        refuge_actors::configuration::reload(self.root.names()).await
    }

    /// The settings for a restart, read anew. Nothing changes yet.
    ///
    /// # Errors
    /// [`StartFailure`], which a restart would end in.
    pub fn read_settings(&self) -> Result<Settings, StartFailure> {
        read(&self.parts.sources)
    }

    /// Shuts the node down in order and starts it again in this process, with these settings.
    /// Its sockets stay bound meanwhile, so that who connects waits instead of being refused.
    ///
    /// # Errors
    /// [`StartFailure`]; then nothing of it runs.
    pub async fn restart(&mut self, settings: Settings) -> Result<(), StartFailure> {
        self.root.shutdown().await;
        self.parts.settings = settings;
        if self.tls_address.is_none() {
            // It may be elsewhere than where the settings at the start had it.
            self.parts.tls_socket = parts::tls_socket(&self.parts.settings);
        }
        self.tls_address = bind_tls(&self.parts)?.or(self.tls_address);
        let names = Names::new(self.address.to_string());
        self.root = refuge_otp::start(crate::specification(&self.parts), names).await?;
        own_events::tell(self.root.names(), NewOwnEvent::new(OwnEventKind::Started, ""));
        Ok(())
    }

    /// The directory under which its files lie.
    pub fn root_directory(&self) -> &Path {
        &self.parts.sources.root
    }

    /// The tree and what can be done to it.
    pub fn root(&self) -> &SupervisorHandle {
        &self.root
    }
}

impl From<refuge_otp::End> for Ended {
    fn from(end: refuge_otp::End) -> Self {
        use refuge_otp::End;
        match end {
            End::Shutdown => Self::Shutdown,
            End::Killed => Self::GaveUp("the root supervisor was killed".to_owned()),
            End::IntensityReached(reason) | End::Failed(reason) => Self::GaveUp(reason),
        }
    }
}
