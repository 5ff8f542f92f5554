//! Nodes that come to this one: with an invitation, or without. Their certificates proved who they are;
//! all else that they say is a claim. And those that are welcome no more.

use std::net::SocketAddr;
use std::sync::{MutexGuard, PoisonError};

use refuge_http::{Failure, PairingVisitor};
use refuge_identity::NodeIdentity;
use refuge_mesh::{
    InvitationTerms, NoInvitation, NodeEventKind, NodeId, PairingTries, PeerRecord, PendingPeer,
    Redeemed,
};
use refuge_otp::Names;
use serde_json::{Value, json};

use super::PairingState;
use crate::node_events::{NewNodeEvent, NodeEventsMessage};
use crate::peer_directory::{self, Admission, AdmittedName, PeerDirectoryMessage, Word};
use crate::{names, unavailable};

impl PairingState {
    /// Trusts a node that comes with a good invitation. The invitation is spent on disk before that. One
    /// that was trusted by it before hears so again and gets nothing: it may have been revoked since.
    pub(super) async fn redeem(
        &mut self,
        visitor: PairingVisitor,
        token: &str,
    ) -> Result<Value, Failure> {
        let id = visitor.id;
        check_not_blocked(&self.names, &id)?;
        let hash = refuge_identity::sha256(token.as_bytes());
        let from = visitor.address.ip();
        // Questions that came together were counted before any of them was wrong.
        self.tries().check(crate::now_ms(), from).map_err(super::too_many)?;
        let redeemed = self.invitations.redeem(crate::now_ms(), (&hash, id));
        let redeemed = redeemed.inspect_err(|_| self.tries().wrong(crate::now_ms(), from));
        let redeemed = redeemed.and_then(|redeemed| match redeemed {
            Redeemed::Again if !self.is_trusted(&id) => Err(NoInvitation),
            redeemed => Ok(redeemed),
        });
        let redeemed = redeemed.map_err(|refusal| {
            tracing::info!(peer = %id, %from, %refusal, "a pairing was refused");
            Failure::Forbidden(refusal.to_string())
        })?;
        if let Redeemed::Granted(terms) = redeemed {
            self.store().await?;
            self.admit(&visitor, terms).await?;
            self.invitations.admitted(&hash);
            self.store().await?;
        }
        let own = self.names.value::<NodeIdentity>(names::NODE_IDENTITY).ok_or_else(unavailable)?;
        Ok(json!({ "id": own.id.to_string(), "name": crate::own_name(&self.names) }))
    }

    async fn admit(
        &mut self,
        visitor: &PairingVisitor,
        terms: InvitationTerms,
    ) -> Result<(), Failure> {
        let (id, claimed) = (visitor.id, visitor.name.clone());
        let admission = Admission {
            id,
            name: terms.name.map_or(AdmittedName::Claimed(claimed), AdmittedName::Given),
            groups: terms.groups,
            told_addresses: listening(visitor).into_iter().collect(),
            word: Word::Admin { introducer: None },
        };
        let admit = |reply| PeerDirectoryMessage::Admit { admission, reply };
        let changed = crate::call(&self.names, names::PEER_DIRECTORY, admit).await??;
        // It asked before, perhaps.
        self.pending.take(&id);
        tracing::info!(peer = %id, name = changed.name, "paired by invitation");
        Ok(())
    }

    /// Whoever is trusted no more does not come in again by the invitation that it had.
    pub(super) async fn distrusted(&mut self, id: &NodeId) {
        self.judge_again();
        if self.invitations.withdraw_used_by(id)
            && let Err(failure) = self.store().await
        {
            // What was admitted once opens nothing, whether or not it is on the disk.
            tracing::warn!(peer = %id, %failure, "a used invitation was not taken from the disk");
        }
    }

    fn is_trusted(&self, id: &NodeId) -> bool {
        peer_directory::peers(&self.names).is_some_and(|peers| peers.is_trusted(id))
    }

    /// Notes a node that asks to be trusted.
    pub(super) fn asked(&mut self, visitor: PairingVisitor) -> Result<Value, Failure> {
        check_not_blocked(&self.names, &visitor.id)?;
        let known = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        if known.is_trusted(&visitor.id) {
            return Ok(json!({ "pending": false }));
        }
        self.pend(PendingPeer {
            id: visitor.id,
            addresses: listening(&visitor).into_iter().collect(),
            from: Some(visitor.address.ip()),
            name: visitor.name,
            introducer: None,
            groups: Vec::new(),
            since_ms: crate::now_ms(),
        })
    }

    /// Notes a node that asks, and tells of it once.
    pub(super) fn pend(&mut self, asking: PendingPeer) -> Result<Value, Failure> {
        if self.rejections().keeps_away(&asking.id) {
            let reason =
                format!("this node was rejected here: `refuge peer add {}` lifts that", asking.id);
            return Err(Failure::Forbidden(reason));
        }
        self.judge_again();
        let (id, introducer) = (asking.id, asking.introducer);
        let from = asking.from.map(|address| address.to_string());
        let asked = self.pending.ask(asking).map_err(|refusal| Failure::TooMany {
            error: "too_many_pending",
            reason: refusal.to_string(),
            retry_after: None,
        })?;
        if asked == refuge_mesh::Asked::Noted {
            tracing::info!(peer = %id, "a node asks to be trusted: see `refuge peer pending`");
            // Not by the name that it claims: hooks take an event's name for one that was given here.
            let name = PeerRecord::default_name(&id);
            let mut event = NewNodeEvent::new(NodeEventKind::Pending, id, name);
            event.address = from;
            event.source = introducer.map(|introducer| introducer.to_string());
            let _ = self.names.cast(names::NODE_EVENTS, NodeEventsMessage::Publish(event));
        }
        Ok(json!({ "pending": true }))
    }

    fn tries(&self) -> MutexGuard<'_, PairingTries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a node is not blocked here; nobody knows while the directory is being restarted.
pub(super) fn check_not_blocked(names: &Names, id: &NodeId) -> Result<(), Failure> {
    let peers = peer_directory::peers(names).ok_or_else(unavailable)?;
    if peer_directory::is_blocked(&peers, id) {
        return Err(Failure::Forbidden("this node is not welcome here".to_owned()));
    }
    Ok(())
}

/// Where a node listens that told its port: at the address it came from.
fn listening(visitor: &PairingVisitor) -> Option<String> {
    let port = visitor.port.filter(|port| *port > 0)?;
    Some(SocketAddr::new(visitor.address.ip().to_canonical(), port).to_string())
}
