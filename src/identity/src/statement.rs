//! Signing statements and checking who signed them. What a statement means, and whether it counts, is
//! `refuge-mesh`'s.

use refuge_mesh::{BadStatement, Claims, NodeId, Statement, StatementContent, signed_bytes};

use crate::node_key::{BadKey, NodeKey};
use crate::{CryptographyError, PublicKey};

/// Why a statement was not signed.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The key is another node's.
    #[error("node {0} cannot sign this statement")]
    OtherKey(NodeId),
    /// Others would refuse to read it.
    #[error(transparent)]
    Bad(#[from] BadStatement),
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
}

/// Why a statement is not believed.
#[derive(Debug, thiserror::Error)]
pub enum UnprovedStatement {
    /// Checked with the key of another node than its issuer.
    #[error("the statement is by node {issuer}, and this is the key of node {found}")]
    OtherKey {
        /// Who is said to have signed.
        issuer: NodeId,
        /// Whose key it is.
        found: NodeId,
    },
    /// The signature does not hold.
    #[error("the statement's signature does not hold: it is forged or was changed on its way")]
    Signature,
    /// The new key of a rotation did not sign, or is none.
    #[error("the new key of this rotation did not sign it")]
    Countersignature,
    /// The key within is none that a node may have.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
}

/// Signs an introduction or a hub record. Blocks for 2 to 3 ms.
///
/// # Errors
/// [`StatementError`].
pub fn sign_statement(key: &NodeKey, claims: &Claims) -> Result<Statement, StatementError> {
    check_issuer(key, claims)?;
    let (kind, payload) = (claims.content.kind(), claims.to_payload());
    let signature = key.sign(&signed_bytes(kind, &payload))?;
    Ok(Statement::signed(payload, kind, signature, None)?)
}

/// Signs a rotation with the old key, which is the issuer's, and the new one, which is the subject's.
/// Blocks for 4 to 6 ms.
///
/// # Errors
/// [`StatementError`].
pub fn sign_rotation(
    (old, new): (&NodeKey, &NodeKey),
    claims: &Claims,
) -> Result<Statement, StatementError> {
    check_issuer(old, claims)?;
    if new.id() != claims.subject {
        return Err(StatementError::OtherKey(new.id()));
    }
    let (kind, payload) = (claims.content.kind(), claims.to_payload());
    let bytes = signed_bytes(kind, &payload);
    Ok(Statement::signed(payload, kind, old.sign(&bytes)?, Some(new.sign(&bytes)?))?)
}

fn check_issuer(key: &NodeKey, claims: &Claims) -> Result<(), StatementError> {
    if key.id() == claims.issuer { Ok(()) } else { Err(StatementError::OtherKey(key.id())) }
}

/// Checks the signatures of a statement: the issuer's with its key, of a rotation also the new key's.
/// Blocks for 0.1 ms a signature.
///
/// # Errors
/// [`UnprovedStatement`].
pub fn check_statement(statement: &Statement, key: &PublicKey) -> Result<(), UnprovedStatement> {
    let claims = statement.claims();
    if key.id() != claims.issuer {
        return Err(UnprovedStatement::OtherKey { issuer: claims.issuer, found: key.id() });
    }
    let bytes = statement.signed_bytes();
    if !key.verifies(&bytes, statement.signature())? {
        return Err(UnprovedStatement::Signature);
    }
    if let StatementContent::Rotation { key } = &claims.content {
        let new = PublicKey::from_der(key)?;
        let second = statement.countersignature().unwrap_or_default();
        if new.id() != claims.subject || !new.verifies(&bytes, second)? {
            return Err(UnprovedStatement::Countersignature);
        }
    }
    Ok(())
}

/// Checks a hub record, which holds its issuer's key: it proves itself.
///
/// # Errors
/// [`UnprovedStatement`].
pub fn check_hub_record(statement: &Statement) -> Result<(), UnprovedStatement> {
    match &statement.claims().content {
        StatementContent::HubRecord { key, .. } => {
            check_statement(statement, &PublicKey::from_der(key)?)
        }
        _ => Err(UnprovedStatement::Signature),
    }
}

#[cfg(test)]
mod tests;
