//! What the supervisors hand on to the actors they start. Values only.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex, PoisonError};

use refuge_actors::authenticator::SetUpLink;
pub use refuge_actors::configuration::SetLogLevel;
use refuge_actors::console_listener;
pub use refuge_actors::console_session::{End, Host, MayUpgrade, ReadLog};
use refuge_config::{Settings, Sources};

/// All that actors are started with besides the names.
#[derive(Clone)]
pub struct Parts {
    /// Where settings come from.
    pub sources: Sources,
    /// The settings at the start of the node: what is laid out once, such as the storage's memory.
    pub settings: Settings,
    /// The link that makes the first admin, when there is none.
    pub set_up: Option<SetUpLink>,
    /// Told how much is to be logged; nobody, unless somebody is put here.
    pub set_log_level: SetLogLevel,
    /// How an admin's wish to restart or to end the node reaches whoever runs it.
    pub host: Host,
    /// The HTTP socket.
    pub http_socket: Socket<TcpListener>,
    /// The socket for clients over TLS, bound where they are wanted.
    pub tls_socket: Socket<TcpListener>,
    /// The socket for other nodes, bound when it is wanted.
    pub mesh_socket: Socket<TcpListener>,
    /// The admin console's socket.
    pub console_socket: Socket<UnixListener>,
}

impl Parts {
    /// The parts of a node with these settings.
    pub fn new(
        sources: Sources,
        settings: Settings,
        set_up: Option<SetUpLink>,
        announce: AnnounceMesh,
    ) -> Self {
        let http_socket = Socket::at(SocketAddr::new(settings.http.bind, settings.http.port));
        let tls_socket = tls_socket(&settings);
        let mesh = SocketAddr::new(settings.mesh.bind, settings.mesh.port);
        let root = sources.root.clone();
        Self {
            sources,
            settings,
            set_up,
            set_log_level: Arc::new(|_| ()),
            host: Host::default(),
            http_socket,
            tls_socket,
            mesh_socket: Socket::new(move || {
                let socket = bind_mesh(mesh)?;
                announce(socket.local_addr()?);
                Ok(socket)
            }),
            console_socket: Socket::new(move || Ok(console_listener::bind(&root)?)),
        }
    }
}

/// The socket for clients over TLS that the settings ask for.
pub(crate) fn tls_socket(settings: &Settings) -> Socket<TcpListener> {
    Socket::at(SocketAddr::new(settings.ssl.bind, settings.ssl.port))
}

/// Sockets that were bound elsewhere, or are handed on.
#[derive(Default)]
pub struct Sockets {
    /// For clients.
    pub http: Option<TcpListener>,
    /// For clients over TLS.
    pub https: Option<TcpListener>,
    /// For the admin console.
    pub console: Option<UnixListener>,
    /// For other nodes.
    pub mesh: Option<TcpListener>,
}

impl Parts {
    /// Takes sockets that were bound elsewhere, instead of binding them.
    pub(crate) fn give(&self, sockets: Sockets) {
        let Sockets { http, https, console, mesh } = sockets;
        http.into_iter().for_each(|socket| self.http_socket.give(socket));
        https.into_iter().for_each(|socket| self.tls_socket.give(socket));
        console.into_iter().for_each(|socket| self.console_socket.give(socket));
        mesh.into_iter().for_each(|socket| self.mesh_socket.give(socket));
    }

    /// Those that are bound, once more.
    pub(crate) fn sockets(&self) -> io::Result<Sockets> {
        let tcp = |socket: Option<Arc<TcpListener>>| socket.map(|one| one.try_clone()).transpose();
        Ok(Sockets {
            http: tcp(self.http_socket.bound())?,
            https: tcp(self.tls_socket.bound())?,
            console: self.console_socket.bound().map(|one| one.try_clone()).transpose()?,
            mesh: tcp(self.mesh_socket.bound())?,
        })
    }
}

/// Told, once, where the node listens for other nodes.
pub type AnnounceMesh = Arc<dyn Fn(SocketAddr) + Send + Sync>;

/// All of IPv6 is all of IPv4 as well, where the system has IPv6; else all of IPv4.
fn bind_mesh(address: SocketAddr) -> Result<TcpListener, BindError> {
    let told = |error| format!("cannot listen on {address}: {error}");
    match TcpListener::bind(address) {
        Ok(socket) => Ok(socket),
        Err(error) if address.ip() == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            TcpListener::bind(everywhere).map_err(|_| told(error).into())
        }
        Err(error) => Err(told(error).into()),
    }
}

/// Why a socket was not bound.
pub type BindError = Box<dyn Error + Send + Sync>;

/// A listening socket that is bound at the first need and kept over restarts of its actor, so that
/// who connects meanwhile waits in its queue.
pub struct Socket<L> {
    bind: Arc<dyn Fn() -> Result<L, BindError> + Send + Sync>,
    bound: Arc<Mutex<Option<Arc<L>>>>,
}

impl Socket<TcpListener> {
    fn at(address: SocketAddr) -> Self {
        Self::new(move || {
            TcpListener::bind(address)
                .map_err(|error| format!("cannot listen on {address}: {error}").into())
        })
    }
}

impl<L> Socket<L> {
    fn new(bind: impl Fn() -> Result<L, BindError> + Send + Sync + 'static) -> Self {
        Self { bind: Arc::new(bind), bound: Arc::default() }
    }

    /// Takes a socket that was bound elsewhere.
    pub fn give(&self, socket: L) {
        *self.bound.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(socket));
    }

    /// The socket, where it is bound.
    pub fn bound(&self) -> Option<Arc<L>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The bound socket.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub fn bind(&self) -> Result<Arc<L>, BindError> {
        let mut bound = self.bound.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(socket) = bound.as_ref() {
            return Ok(Arc::clone(socket));
        }
        let socket = Arc::new((self.bind)()?);
        *bound = Some(Arc::clone(&socket));
        Ok(socket)
    }
}

impl<L> Clone for Socket<L> {
    fn clone(&self) -> Self {
        Self { bind: Arc::clone(&self.bind), bound: Arc::clone(&self.bound) }
    }
}
