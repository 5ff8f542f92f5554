//! What replication with each node may take of the link, as the peers' documents say it (`bandwidth`): one
//! limit a node, shared by all jobs of this node towards it, whose rate follows the document. How bytes are
//! counted is the client's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ractor::ActorCell;
use refuge_client::Bandwidth;
use refuge_http::Failure;
use refuge_mesh::{NodeId, Peers};
use refuge_otp::Names;

use crate::names;
use crate::peer_directory::PeerBoard;
use crate::task::OwnedTask;

/// Until a directory that went is looked for again.
const RETRY: Duration = Duration::from_millis(100);

/// The limits of all nodes, and the peers by whose documents they are set.
#[derive(Default)]
struct Bandwidths(Mutex<Table>);

#[derive(Default)]
struct Table {
    peers: Arc<Peers>,
    /// Of those that somebody replicates with.
    limits: HashMap<NodeId, Arc<Bandwidth>>,
}

/// The limit that counts for all that is replicated with a node, now and after each change of its document.
///
/// # Errors
/// Where the pool's actor is restarted and does not come back in time.
pub(crate) async fn bandwidth(names: &Names, id: NodeId) -> Result<Arc<Bandwidth>, Failure> {
    let all = crate::published::<Bandwidths>(names, names::PEER_BANDWIDTHS).await?;
    Ok(all.of(id))
}

/// Publishes the limits and has them follow the peers' documents.
pub(super) fn follow(names: Names, owner: &ActorCell) -> OwnedTask {
    let all = Arc::new(Bandwidths::default());
    names.publish(owner, names::PEER_BANDWIDTHS, Arc::clone(&all));
    OwnedTask::again(RETRY, move || follow_board(names.clone(), Arc::clone(&all)))
}

/// Ends when the directory is restarted: it is looked for again, however long it takes.
async fn follow_board(names: Names, all: Arc<Bandwidths>) {
    let Ok(board) = crate::published::<PeerBoard>(&names, names::PEER_DIRECTORY).await else {
        return;
    };
    let mut watch = board.watch();
    drop(board);
    loop {
        let peers = Arc::clone(&watch.borrow_and_update());
        all.set(peers);
        if watch.changed().await.is_err() {
            return;
        }
    }
}

impl Bandwidths {
    fn of(&self, id: NodeId) -> Arc<Bandwidth> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Table { peers, limits } = &mut *table;
        let limit = limits.entry(id).or_insert_with(|| {
            let limit = Bandwidth::unlimited();
            limit.set(rate(peers, &id));
            limit
        });
        Arc::clone(limit)
    }

    fn set(&self, peers: Arc<Peers>) {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A job may go on for a while with a node that is not known any more, and find it known again.
        table.limits.retain(|id, limit| peers.get(id).is_some() || Arc::strong_count(limit) > 1);
        for (id, limit) in &table.limits {
            limit.set(rate(&peers, id));
        }
        table.peers = peers;
    }
}

fn rate(peers: &Peers, id: &NodeId) -> Option<u64> {
    peers.get(id)?.bandwidth
}

#[cfg(test)]
mod tests {
    use refuge_mesh::PeerRecord;

    use super::*;

    fn peers(bandwidth: Option<u64>) -> Arc<Peers> {
        let known = NodeId::from_digest([1; 32]);
        Arc::new(Peers::new([PeerRecord { bandwidth, ..PeerRecord::new(known) }]))
    }

    #[test]
    fn all_that_is_replicated_with_a_node_shares_a_limit_that_follows_its_document() {
        let all = Bandwidths::default();
        let (known, stranger) = (NodeId::from_digest([1; 32]), NodeId::from_digest([2; 32]));
        let early = all.of(known);
        assert_eq!(early.bytes_per_second(), None);
        all.set(peers(Some(5_000)));
        assert_eq!(early.bytes_per_second(), Some(5_000));
        assert!(Arc::ptr_eq(&early, &all.of(known)));
        assert_eq!(all.of(stranger).bytes_per_second(), None);
        all.set(peers(Some(7_000)));
        assert_eq!(early.bytes_per_second(), Some(7_000));
        all.set(peers(None));
        assert_eq!(early.bytes_per_second(), None);
    }
}
