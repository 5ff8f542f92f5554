//! What is published of the nodes that are up.

use refuge_mesh::{NodeId, PeerRecord};

/// A trusted node that a link leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpNode {
    /// Its id.
    pub id: NodeId,
    /// What it is called here.
    pub name: String,
    /// The groups it is in, without `group:`.
    pub groups: Vec<String>,
    /// The ids that it had before and that nobody else is known by.
    pub earlier: Vec<NodeId>,
}

/// All trusted nodes that are up, by id; published under the monitor's name and replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodesUp {
    /// The nodes.
    pub up: Vec<UpNode>,
}

impl From<&PeerRecord> for UpNode {
    fn from(peer: &PeerRecord) -> Self {
        Self {
            id: peer.id,
            name: peer.name.clone(),
            groups: peer.groups.clone(),
            earlier: peer.earlier_ids().collect(),
        }
    }
}
