//! A node that a peer became: it proves by statements that both its old and its new key agreed to.

use refuge_http::Failure;
use refuge_identity::{Certificate, PublicKey, check_statement};
use refuge_mesh::{
    Judgement, NodeId, PastRotation, Peers, Statement, StatementContent, StatementContext,
    StatementRefusal, judge,
};
use refuge_otp::Names;
use serde_json::{Value, json};

use super::PairingState;
use super::visiting::check_not_blocked;
use crate::peer_directory::{self, PeerDirectoryMessage, RotatedPeer};
use crate::{names, unavailable};

/// Statements that one node shows: it keeps ten.
const MOST_STATEMENTS: usize = 16;

/// The peer that a node was, as its statements prove. They are in order, the oldest first; those before the
/// identity that is trusted here are passed over. Signatures are looked at on a thread of their own, before
/// anything waits for an actor.
pub(crate) async fn earlier_identity(
    names: &Names,
    visitor: NodeId,
    statements: Vec<Statement>,
) -> Result<RotatedPeer, Failure> {
    check_not_blocked(names, &visitor)?;
    if statements.len() > MOST_STATEMENTS {
        let reason = format!("at most {MOST_STATEMENTS} statements are looked at");
        return Err(Failure::BadRequest(reason));
    }
    let peers = peer_directory::peers(names).ok_or_else(unavailable)?;
    let proving = crate::blocking(move || prove(&peers, visitor, &statements));
    proving.await.map_err(|_| unavailable())?
}

impl PairingState {
    /// Lets a node take the place of the peer that it was.
    pub(super) async fn rotate(&mut self, rotated: RotatedPeer) -> Result<Value, Failure> {
        let (old, new) = (rotated.old, rotated.new);
        let rotate = |reply| PeerDirectoryMessage::Rotate { rotated, reply };
        let changed = crate::call(&self.names, names::PEER_DIRECTORY, rotate).await??;
        self.pending.take(&new);
        tracing::info!(peer = %new, %old, name = changed.name, "a peer has a new identity");
        Ok(json!({ "ok": true }))
    }
}

/// The peer that the visitor was, if all of the way from it to the visitor is proved.
fn prove(peers: &Peers, visitor: NodeId, statements: &[Statement]) -> Result<RotatedPeer, Failure> {
    let is_blocked =
        |statement: &Statement| peer_directory::is_blocked(peers, &statement.claims().issuer);
    let trusted = |statement: &Statement| peers.is_trusted(&statement.claims().issuer);
    // The latest: of one before it somebody here forgot to say that it is over.
    let first = statements.iter().rposition(trusted);
    let way = statements.get(first.unwrap_or_default()..).unwrap_or_default();
    if way.iter().any(is_blocked) {
        return Err(forbidden("a node that is blocked cannot rotate its key".to_owned()));
    }
    let first = first.and_then(|_| way.first()).ok_or_else(|| {
        forbidden("no identity that this node had before is trusted here".to_owned())
    })?;
    let old = first.claims().issuer;
    let mut key = key_of(peers, &old)?;
    let mut proved = Vec::new();
    for statement in way {
        let StatementContent::Rotation { key: next } = &statement.claims().content else {
            return Err(forbidden("this statement is no rotation".to_owned()));
        };
        check_statement(statement, &key).map_err(|error| forbidden(error.to_string()))?;
        proved.push(judged(peers, visitor, statement)?);
        key = PublicKey::from_der(next).map_err(|error| forbidden(error.to_string()))?;
    }
    if key.id() == visitor {
        Ok(RotatedPeer { old, new: visitor, proved })
    } else {
        Err(forbidden(
            "the statements lead to another node than the one that shows them".to_owned(),
        ))
    }
}

/// A rotation whose signatures hold, if it counts. One that was seen is not heard again: its peer may have
/// lost since then what it had.
fn judged(peers: &Peers, visitor: NodeId, statement: &Statement) -> Result<PastRotation, Failure> {
    let (from, serial) = (statement.claims().issuer, statement.claims().serial);
    let last_serial = peers.last_rotation(&from);
    let context = StatementContext { us: visitor, now_ms: crate::now_ms(), last_serial };
    let refused = |refusal: StatementRefusal| forbidden(refusal.to_string());
    match judge(statement.claims(), &context).map_err(refused)? {
        Judgement::New => Ok(PastRotation { from, serial }),
        Judgement::Again => Err(refused(StatementRefusal::Replayed { serial, seen: serial })),
    }
}

/// The key that a peer showed here.
fn key_of(peers: &Peers, id: &NodeId) -> Result<PublicKey, Failure> {
    let certificate = peers.get(id).and_then(|peer| peer.certificate.as_ref());
    let certificate = certificate.ok_or_else(|| {
        forbidden("the certificate of the earlier identity is not known here".to_owned())
    })?;
    Certificate::from_pem(certificate.as_bytes())
        .map_err(|error| forbidden(error.to_string()))?
        .public_key()
        .map_err(|error| forbidden(error.to_string()))
}

fn forbidden(reason: String) -> Failure {
    Failure::Forbidden(reason)
}

#[cfg(test)]
mod tests;
