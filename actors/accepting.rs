//! How every listener takes connections: as many as there are permits, and none faster than the system
//! gives file handles. No actor lives here.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Rest after an accept that failed (no file handles left, most often), so as not to spin.
const REST: Duration = Duration::from_millis(50);

/// A connection that was accepted.
pub(crate) struct Newcomer {
    pub(crate) stream: TcpStream,
    /// Where it comes from; IPv4 as such, whatever the socket is.
    pub(crate) address: SocketAddr,
    /// One of the connections that may be open; given back when it ends.
    pub(crate) permit: Permit,
}

/// One of the connections that may be open; given back when it is dropped.
pub struct Permit {
    _of_all: OwnedSemaphorePermit,
    _of_strangers: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// The same, counted among those of strangers as well; none when these have as many as they may.
    pub(crate) fn of_stranger(self, strangers: &Arc<Semaphore>) -> Option<Self> {
        let share = Arc::clone(strangers).try_acquire_owned().ok()?;
        Some(Self { _of_strangers: Some(share), ..self })
    }
}

/// A socket of the system's, as the runtime takes it.
pub(crate) fn listener(socket: &std::net::TcpListener) -> std::io::Result<TcpListener> {
    let socket = socket.try_clone()?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

/// Hands every connection to `welcome`, one after another, as long as the permits last; further ones
/// wait in the socket's queue.
pub(crate) async fn accept<F: Future<Output = ()>>(
    listener: TcpListener,
    permits: Arc<Semaphore>,
    welcome: impl FnMut(Newcomer) -> F,
) {
    accept_until(listener, permits, std::future::pending(), welcome).await;
}

/// As [`accept`], until `over`. Whoever was taken out of the queue before is welcomed still.
pub(crate) async fn accept_until<F: Future<Output = ()>>(
    listener: TcpListener,
    permits: Arc<Semaphore>,
    over: impl Future<Output = ()>,
    mut welcome: impl FnMut(Newcomer) -> F,
) {
    let mut over = pin!(over);
    loop {
        let next = async {
            let of_all = Arc::clone(&permits).acquire_owned().await.ok()?;
            let permit = Permit { _of_all: of_all, _of_strangers: None };
            Some((permit, listener.accept().await))
        };
        // Nothing is lost with it: a connection is in the socket's queue, or was handed out by this.
        let next = tokio::select! {
            biased;
            () = &mut over => return,
            next = next => next,
        };
        let Some((permit, accepted)) = next else { return };
        match accepted {
            Ok((stream, address)) => {
                // Small answers must not wait for more.
                let _ = stream.set_nodelay(true);
                let address = SocketAddr::new(address.ip().to_canonical(), address.port());
                welcome(Newcomer { stream, address, permit }).await;
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}
