//! Sockets to other nodes. How a node is found and what is spoken below HTTP is the dialer's; here
//! its sockets are remembered, so that they can be cut when the node is known to be gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;

use super::{ConnectError, Cord, Cuttable, Duplex};

/// Opens connections to nodes, on which HTTP/2 is spoken next.
#[async_trait]
pub trait PeerDialer: Send + Sync + 'static {
    /// A fresh connection to the node whose id is `host`: a node id in upper or lower case, as it
    /// stands in a URL. Has a deadline; may be dropped at any await.
    ///
    /// # Errors
    /// Why there is none, for people.
    async fn dial(&self, host: &str) -> Result<Box<dyn Duplex>, String>;
}

/// Makes sockets to nodes.
pub(crate) struct Peers {
    dialer: Arc<dyn PeerDialer>,
    open: Arc<OpenSockets>,
}

impl Peers {
    pub(crate) fn new(dialer: Arc<dyn PeerDialer>, open: Arc<OpenSockets>) -> Self {
        Self { dialer, open }
    }

    pub(super) async fn connect(&self, host: &str) -> Result<Box<dyn Duplex>, ConnectError> {
        // Before the dial, so that a cut meanwhile is not missed.
        let cord = Cord::new();
        self.open.add(host, &cord);
        let socket = self.dialer.dial(host).await.map_err(ConnectError::Peer)?;
        Ok(Box::new(Cuttable::new(socket, cord)))
    }
}

/// The sockets that are open or being opened, by node id in upper case.
#[derive(Default)]
pub(crate) struct OpenSockets(Mutex<HashMap<String, Vec<Weak<Cord>>>>);

impl OpenSockets {
    /// Cuts those to this node.
    pub(crate) fn cut(&self, host: &str) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cords = open.remove(&host.to_ascii_uppercase()).unwrap_or_default();
        drop(open);
        cords.iter().filter_map(Weak::upgrade).for_each(|cord| cord.cut());
    }

    fn add(&self, host: &str, cord: &Arc<Cord>) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cords = open.entry(host.to_ascii_uppercase()).or_default();
        cords.retain(|cord| cord.strong_count() > 0);
        cords.push(Arc::downgrade(cord));
    }
}
