//! What an admin says of nodes that ask.

use refuge_console::PeerCommand;
use refuge_http::Failure;
use refuge_mesh::{Approval, Meant, NodeId, PeerRecord, PendingPeer, Trust, rfc3339};
use serde_json::{Value, json};

use super::PairingState;
use crate::introductions::IntroductionsMessage;
use crate::peer_directory::{self, Admission, AdmittedName, PeerDirectoryMessage, Word};
use crate::{names, unavailable};

impl PairingState {
    /// Those that ask, and those that were introduced and whose introducer is trusted no more.
    pub(super) fn told_pending(&mut self) -> Value {
        self.judge_again();
        let known = peer_directory::peers(&self.names).unwrap_or_default();
        let name_of = |id: Option<NodeId>| Some(known.get(&id?)?.name.clone());
        let asks = |id: &NodeId| self.pending.get(id).is_some();
        let left = known.iter().filter(|peer| is_left(peer) && !asks(&peer.id)).map(|peer| {
            json!({
                "id": peer.id.to_string(),
                "people": peer.id.for_people(),
                "claimed_name": peer.name,
                "addresses": peer.all_addresses(),
                "introducer": peer.introduced_by,
                "introducer_name": name_of(peer.introduced_by.as_ref().and_then(|id| id.parse().ok())),
                "groups": peer.groups,
            })
        });
        let all = self.pending.all();
        let imitated = known.imitated(all.iter().map(|one| (one.id, one.name.as_str())));
        let told = all.into_iter().map(|one| {
            json!({
                "id": one.id.to_string(),
                "people": one.id.for_people(),
                "claimed_name": one.name,
                "imitates": imitated.get(&one.id),
                "addresses": one.addresses,
                "from": one.from.map(|address| address.to_string()),
                "introducer": one.introducer.map(|id| id.to_string()),
                "introducer_name": name_of(one.introducer),
                "groups": one.groups,
                "since": rfc3339(one.since_ms),
            })
        });
        json!({ "pending": told.chain(left).collect::<Vec<_>>() })
    }

    /// Trusts one that asks, or for good one that was introduced.
    pub(super) async fn approve(&mut self, approval: Approval) -> Result<Value, Failure> {
        let Approval { node, name, groups } = approval;
        self.judge_again();
        let admission = match self.meant(&node)? {
            Some(Meant::Asking(id)) => {
                let asking =
                    self.pending.get(&id).cloned().ok_or_else(|| self.does_not_ask(&node))?;
                admission(asking, (name, groups))
            }
            Some(Meant::Known(id)) => self.confirmation(id, &node, (name, groups))?,
            None => return Err(self.does_not_ask(&node)),
        };
        let id = admission.id;
        let admit = |reply| PeerDirectoryMessage::Admit { admission, reply };
        let changed = crate::call(&self.names, names::PEER_DIRECTORY, admit).await??;
        if let Some(asking) = self.pending.take(&id) {
            self.decided(&asking);
        }
        Ok(json!({ "id": id.to_string(), "name": changed.name }))
    }

    /// Refuses one that asks; it does not become pending again before a restart, and is trusted on nobody's
    /// word after that either.
    pub(super) async fn reject(&mut self, node: &str) -> Result<Value, Failure> {
        self.judge_again();
        // First it is on disk: of a node that is forgotten and not rejected a friend's word would count.
        match self.meant(node)? {
            Some(Meant::Asking(id)) => {
                self.keep_rejected(&[id]).await?;
                if let Some(asking) = self.pending.take(&id) {
                    self.decided(&asking);
                }
                // It lost its introducer before, perhaps.
                let _ = self.forget(id, node).await;
                Ok(json!({ "id": id.to_string(), "name": Value::Null }))
            }
            Some(Meant::Known(id)) => {
                self.check_left(id, node)?;
                self.keep_rejected(&[id]).await?;
                self.forget(id, node).await
            }
            None => Err(self.does_not_ask(node)),
        }
    }

    /// Refuses all that ask. Peers that lost their introducer stay known.
    pub(super) async fn reject_all(&mut self) -> Result<Value, Failure> {
        self.judge_again();
        let ids: Vec<NodeId> = self.pending.all().iter().map(|asking| asking.id).collect();
        self.keep_rejected(&ids).await?;
        let all = self.pending.take_all();
        all.iter().for_each(|asking| self.decided(asking));
        let told =
            all.iter().map(|one| json!({ "id": one.id.to_string(), "claimed_name": one.name }));
        Ok(json!({ "rejected": told.collect::<Vec<_>>() }))
    }

    fn check_left(&self, id: NodeId, node: &str) -> Result<(), Failure> {
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        let known = peers.get(&id).filter(|known| is_left(known));
        known.map(drop).ok_or_else(|| self.does_not_ask(node))
    }

    /// One that was introduced, and whose introducer is trusted no more.
    async fn forget(&self, id: NodeId, node: &str) -> Result<Value, Failure> {
        self.check_left(id, node)?;
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

    fn meant(&self, node: &str) -> Result<Option<Meant>, Failure> {
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        let meant = self.pending.meant(&peers, node);
        meant.map_err(|unclear| Failure::BadRequest(format!("{node:?}: {unclear}")))
    }

    /// Of a node that is known because somebody vouched for it.
    fn confirmation(
        &self,
        id: NodeId,
        node: &str,
        (name, groups): (Option<String>, Vec<String>),
    ) -> Result<Admission, Failure> {
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        let known = peers.get(&id).filter(|known| known.introduced_by.is_some());
        let known = known.ok_or_else(|| self.does_not_ask(node))?;
        Ok(Admission {
            id: known.id,
            name: name.map_or(AdmittedName::Claimed(known.name.clone()), AdmittedName::Given),
            groups,
            told_addresses: Vec::new(),
            word: Word::Admin { introducer: None },
        })
    }
}

fn admission(asking: PendingPeer, (name, groups): (Option<String>, Vec<String>)) -> Admission {
    Admission {
        id: asking.id,
        name: name.map_or(AdmittedName::Claimed(asking.name), AdmittedName::Given),
        groups: [groups, asking.groups].concat(),
        told_addresses: asking.addresses,
        word: Word::Admin { introducer: asking.introducer },
    }
}

/// Whether a peer lost the one on whose word it was trusted.
fn is_left(peer: &PeerRecord) -> bool {
    peer.trust == Trust::Neither && peer.introduced_by.is_some()
}
