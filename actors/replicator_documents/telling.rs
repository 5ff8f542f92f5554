//! What is told of the documents to others, with what the machine does not know: the peers, and the counts of
//! what runs.

use refuge_replication::{DocumentName, Outside};

use super::ReplicatorDocumentsState;
use crate::peer_directory;
use crate::replication_scheduler::progress;

impl ReplicatorDocumentsState {
    /// A report of the machine's.
    pub(super) fn told<T>(&self, report: impl FnOnce(Outside<'_>) -> T) -> T {
        let peers = peer_directory::peers(&self.names);
        let progress = |id: &str| progress(&self.names, id);
        report(Outside { peers: peers.as_deref(), progress: &progress })
    }

    /// The documents that wait for nodes which no peer is; none while the peers are being read.
    pub(super) fn in_vain(&self, limit: usize) -> Vec<(DocumentName, String)> {
        let peers = peer_directory::peers(&self.names);
        peers.map(|peers| self.machine.waiting_in_vain(&peers, limit)).unwrap_or_default()
    }
}
