//! Which node a request at `_replicate` means, where an end names nodes: the one that is up now.

use refuge_http::Failure;
use refuge_mesh::{NodeId, Selector};
use refuge_otp::Names;
use refuge_replication::{Job, is_named_by, no_peer_named};

use crate::node_monitor::NodesUp;
use crate::replicator_documents::peers_up;
use crate::{names, peer_directory};

/// The job towards the only node that its end names and that is up.
pub(super) fn towards_one(names: &Names, job: Job) -> Result<Job, Failure> {
    let Some(end) = job.node_end() else {
        return Ok(job);
    };
    let up = names.value::<NodesUp>(names::NODE_MONITOR).unwrap_or_default();
    let named: Vec<NodeId> = peers_up(&up)
        .into_iter()
        .filter(|node| is_named_by(&end.selector, node))
        .map(|node| node.id)
        .collect();
    match named.as_slice() {
        [id] => Ok(job.towards(*id)),
        [] => Err(Failure::Unavailable(absence(names, &end.selector))),
        _ => Err(Failure::BadRequest(format!(
            "`{}` names several nodes that are up: a document in _replicator runs towards each",
            end.selector
        ))),
    }
}

/// Why nobody is meant now: a name that is misspelt is told from a node that is down.
fn absence(names: &Names, selector: &Selector) -> String {
    let peers = peer_directory::peers(names);
    peers.and_then(|peers| no_peer_named(selector, &peers)).unwrap_or_else(|| {
        format!(
            "no trusted node that `{selector}` names is up: a document in _replicator waits for it"
        )
    })
}
