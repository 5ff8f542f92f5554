//! How every listener takes connections: as many as there are permits, and none faster than the system
//! gives file handles. No actor lives here.

use std::future::Future;
use std::net::SocketAddr;
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
    pub(crate) permit: OwnedSemaphorePermit,
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
    mut welcome: impl FnMut(Newcomer) -> F,
) {
    while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
        match listener.accept().await {
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
