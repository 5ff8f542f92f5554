//! What an admin says of nodes that ask.

use refuge_console::PeerCommand;
use refuge_http::Failure;
use refuge_mesh::{Approval, NodeId, PeerRecord, Peers, PendingPeer, Trust, rfc3339};
use serde_json::{Value, json};

use super::{MOST_REJECTED, PairingState};
use crate::introductions::IntroductionsMessage;
use crate::peer_directory::{self, Admission, AdmittedName, PeerDirectoryMessage};
use crate::{names, unavailable};

/// Characters of an id's beginning that name a node: what `refuge peer pending` shows has more.
const SHORTEST_BEGINNING: usize = 6;

impl PairingState {
    /// Those that ask, and those that were introduced and whose introducer is trusted no more.
    pub(super) fn told_pending(&self) -> Value {
        let known = peer_directory::peers(&self.names).unwrap_or_default();
        let left = known.iter().filter(|peer| is_left(peer)).map(|peer| {
            json!({
                "id": peer.id.to_string(),
                "people": peer.id.for_people(),
                "claimed_name": peer.name,
                "addresses": peer.addresses,
                "introducer": peer.introduced_by,
                "groups": peer.groups,
            })
        });
        let told = self.pending.all().into_iter().map(|one| {
            json!({
                "id": one.id.to_string(),
                "people": one.id.for_people(),
                "claimed_name": one.name,
                "addresses": one.addresses,
                "from": one.from.map(|address| address.to_string()),
                "introducer": one.introducer.map(|id| id.to_string()),
                "groups": one.groups,
                "since": rfc3339(one.since_ms),
            })
        });
        json!({ "pending": told.chain(left).collect::<Vec<_>>() })
    }

    /// Trusts one that asks, or for good one that was introduced.
    pub(super) async fn approve(&mut self, approval: Approval) -> Result<Value, Failure> {
        let Approval { node, name, groups } = approval;
        let asking = self.find(&node)?;
        let admission = match asking.and_then(|id| self.pending.get(&id).cloned()) {
            Some(asking) => admission(asking, (name, groups)),
            None => self.confirmation(&node, (name, groups))?,
        };
        let id = admission.id;
        let admit = |reply| PeerDirectoryMessage::Admit { admission, reply };
        let changed = crate::call(&self.names, names::PEER_DIRECTORY, admit).await??;
        if let Some(asking) = self.pending.take(&id) {
            self.decided(&asking);
        }
        Ok(json!({ "id": id.to_string(), "name": changed.name }))
    }

    /// Refuses one that asks; it does not become pending again before a restart.
    pub(super) async fn reject(&mut self, node: &str) -> Result<Value, Failure> {
        let asking = self.find(node)?.and_then(|id| self.pending.take(&id));
        let Some(asking) = asking else { return self.forget(node).await };
        self.decided(&asking);
        if self.rejected.len() >= MOST_REJECTED {
            self.rejected.pop_first();
        }
        self.rejected.insert(asking.id);
        Ok(json!({ "id": asking.id.to_string(), "name": Value::Null }))
    }

    /// One that was introduced, and whose introducer is trusted no more.
    async fn forget(&self, node: &str) -> Result<Value, Failure> {
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        let known = known(&peers, node).filter(|known| is_left(known));
        let id = known.ok_or_else(|| nobody_asks(node))?.id;
        let command = PeerCommand::Remove(id.to_string());
        let remove = |reply| PeerDirectoryMessage::Command { command, reply };
        let removed = crate::call(&self.names, names::PEER_DIRECTORY, remove).await?;
        removed.map_err(|error| Failure::Internal(error.to_string()))
    }

    /// An introduction that an admin decided about is not asked about again.
    fn decided(&self, asking: &PendingPeer) {
        if let Some(issuer) = asking.introducer {
            let message = IntroductionsMessage::Decided { issuer, subject: asking.id };
            // While it is being restarted the worst is that it asks once more.
            let _ = self.names.cast(names::INTRODUCTIONS, message);
        }
    }

    /// One that asks, by its id in either form or the beginning of it.
    fn find(&self, text: &str) -> Result<Option<NodeId>, Failure> {
        if let Ok(id) = text.parse::<NodeId>() {
            return Ok(self.pending.get(&id).map(|asking| asking.id));
        }
        let beginning = text.to_ascii_uppercase();
        if beginning.len() < SHORTEST_BEGINNING {
            return Ok(None);
        }
        let all = self.pending.all();
        let mut meant = all.iter().filter(|one| one.id.to_string().starts_with(&beginning));
        match (meant.next(), meant.next()) {
            (Some(_), Some(_)) => {
                let reason =
                    format!("several nodes that ask begin with {text}: give more of the id");
                Err(Failure::BadRequest(reason))
            }
            (one, _) => Ok(one.map(|asking| asking.id)),
        }
    }

    /// Of a node that is known because somebody vouched for it.
    fn confirmation(
        &self,
        node: &str,
        (name, groups): (Option<String>, Vec<String>),
    ) -> Result<Admission, Failure> {
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        let known = known(&peers, node).filter(|known| known.introduced_by.is_some());
        let known = known.ok_or_else(|| nobody_asks(node))?;
        Ok(Admission {
            id: known.id,
            name: name.map_or(AdmittedName::Claimed(known.name.clone()), AdmittedName::Given),
            groups,
            addresses: Vec::new(),
            introduced_by: None,
            confirmed: true,
        })
    }
}

fn admission(asking: PendingPeer, (name, groups): (Option<String>, Vec<String>)) -> Admission {
    Admission {
        id: asking.id,
        name: name.map_or(AdmittedName::Claimed(asking.name), AdmittedName::Given),
        groups: [groups, asking.groups].concat(),
        addresses: asking.addresses,
        introduced_by: asking.introducer,
        confirmed: asking.introducer.is_some(),
    }
}

/// Whether a peer lost the one on whose word it was trusted.
fn is_left(peer: &PeerRecord) -> bool {
    peer.trust == Trust::Neither && peer.introduced_by.is_some()
}

fn known<'a>(peers: &'a Peers, node: &str) -> Option<&'a PeerRecord> {
    peers.by_name(node).or_else(|| peers.get(&node.parse().ok()?))
}

fn nobody_asks(node: &str) -> Failure {
    let reason = format!("no node {node:?} asks: `refuge peer pending` shows those that do");
    Failure::NotFound(reason)
}
