//! A node that a peer became: it proves by statements that both its old and its new key agreed to.

use refuge_http::{Failure, PairingVisitor};
use refuge_identity::{Certificate, PublicKey, check_statement};
use refuge_mesh::{Peers, Statement, StatementContent, StatementContext, Trust, judge};
use serde_json::{Value, json};

use super::PairingState;
use crate::peer_directory::{self, PeerDirectoryMessage};
use crate::{names, unavailable};

impl PairingState {
    /// Lets the visitor take the place of the peer that it was. `statements` are in order, the oldest first;
    /// those before the identity that is trusted here are passed over.
    pub(super) async fn rotate(
        &mut self,
        visitor: PairingVisitor,
        statements: Vec<Statement>,
    ) -> Result<Value, Failure> {
        self.check_not_blocked(&visitor.id)?;
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        let old = prove(&peers, &visitor, &statements)?;
        let new = visitor.id;
        let rotate = |reply| PeerDirectoryMessage::Rotate { old, new, reply };
        let changed = crate::call(&self.names, names::PEER_DIRECTORY, rotate).await??;
        self.pending.take(&new);
        tracing::info!(peer = %new, %old, name = changed.name, "a peer has a new identity");
        Ok(json!({ "ok": true }))
    }
}

/// The peer that the visitor was, if all of the way from it to the visitor is proved.
fn prove(
    peers: &Peers,
    visitor: &PairingVisitor,
    statements: &[Statement],
) -> Result<refuge_mesh::NodeId, Failure> {
    let forbidden = |reason: String| Failure::Forbidden(reason);
    let is_blocked = |statement: &Statement| {
        let issuer = peers.get(&statement.claims().issuer);
        issuer.is_some_and(|issuer| issuer.trust == Trust::Blocked)
    };
    if statements.iter().any(is_blocked) {
        return Err(forbidden("a node that is blocked cannot rotate its key".to_owned()));
    }
    let trusted = |statement: &&Statement| peers.is_trusted(&statement.claims().issuer);
    let first = statements.iter().find(trusted).ok_or_else(|| {
        forbidden("no identity that this node had before is trusted here".to_owned())
    })?;
    let old = first.claims().issuer;
    let certificate = peers.get(&old).and_then(|peer| peer.certificate.clone());
    let certificate = certificate.ok_or_else(|| {
        forbidden("the certificate of the earlier identity is not known here".to_owned())
    })?;
    let mut key = Certificate::from_pem(certificate.as_bytes())
        .map_err(|error| forbidden(error.to_string()))?
        .public_key()
        .map_err(|error| forbidden(error.to_string()))?;
    let context = StatementContext { us: visitor.id, now_ms: crate::now_ms(), last_serial: None };
    for statement in statements.iter().skip_while(|statement| *statement != first) {
        let StatementContent::Rotation { key: next } = &statement.claims().content else {
            return Err(forbidden("this statement is no rotation".to_owned()));
        };
        check_statement(statement, &key).map_err(|error| forbidden(error.to_string()))?;
        judge(statement.claims(), &context).map_err(|refusal| forbidden(refusal.to_string()))?;
        key = PublicKey::from_der(next).map_err(|error| forbidden(error.to_string()))?;
    }
    if key.id() == visitor.id {
        Ok(old)
    } else {
        Err(forbidden(
            "the statements lead to another node than the one that shows them".to_owned(),
        ))
    }
}
