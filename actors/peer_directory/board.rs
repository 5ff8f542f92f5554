//! The peers as everybody looks at them, and what can be asked of that without a message. Who is a peer is
//! decided by the directory.

use std::sync::Arc;

use refuge_identity::Certificate;
use refuge_mesh::{NodeId, Peers, Trust};
use refuge_otp::Names;
use tokio::sync::watch;

use super::PeerDirectoryMessage;
use crate::names;

/// The peers as they are now, for everybody to look at; published under the directory's name.
pub struct PeerBoard {
    pub(super) current: watch::Receiver<Arc<Peers>>,
}

impl PeerBoard {
    /// One that stays as it is.
    #[cfg(test)]
    pub(crate) fn of(peers: Peers) -> Self {
        Self { current: watch::channel(Arc::new(peers)).1 }
    }

    /// The peers now.
    pub fn peers(&self) -> Arc<Peers> {
        Arc::clone(&self.current.borrow())
    }

    /// A receiver of every later view; it closes when the directory is restarted.
    pub fn watch(&self) -> watch::Receiver<Arc<Peers>> {
        self.current.clone()
    }
}

/// The peers as they are now; none while the directory is being restarted, when nobody is trusted.
pub(crate) fn peers(names: &Names) -> Option<Arc<Peers>> {
    names.value::<PeerBoard>(names::PEER_DIRECTORY).map(|board| board.peers())
}

/// Tells the directory of a trusted peer's certificate, where it is not written down yet.
pub(crate) fn note_certificate(names: &Names, certificate: &Certificate) {
    let id = certificate.node_id();
    let missing = |peers: Arc<Peers>| {
        peers.is_trusted(&id) && peers.get(&id).is_some_and(|peer| peer.certificate.is_none())
    };
    if peers(names).is_some_and(missing) {
        let Ok(certificate) = certificate.to_pem() else { return };
        // While the directory is restarted the next connection tells it.
        let _ = names.cast(names::PEER_DIRECTORY, PeerDirectoryMessage::Seen { id, certificate });
    }
}

/// Waits until a peer is not trusted, over restarts of the directory.
pub(crate) async fn distrusted(names: &Names, id: &NodeId) {
    until(names, |peers| !peers.is_trusted(id)).await;
}

/// Waits until a peer is blocked, over restarts of the directory.
pub(crate) async fn blocked(names: &Names, id: &NodeId) {
    until(names, |peers| is_blocked(peers, id)).await;
}

/// Whether a node is blocked.
pub(crate) fn is_blocked(peers: &Peers, id: &NodeId) -> bool {
    peers.get(id).is_some_and(|peer| peer.trust == Trust::Blocked)
}

/// Waits until something is so of the peers.
pub(crate) async fn until(names: &Names, holds: impl Fn(&Peers) -> bool) {
    loop {
        // While it is being restarted nothing is known to have changed.
        let Ok(board) = crate::published::<PeerBoard>(names, names::PEER_DIRECTORY).await else {
            continue;
        };
        let mut watch = board.watch();
        drop(board);
        if watch.wait_for(|peers| holds(peers)).await.is_ok() {
            return;
        }
    }
}
