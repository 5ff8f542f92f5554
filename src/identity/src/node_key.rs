//! The RSA key that a node is: making it, reading it, writing it as text. Where the text is kept is
//! not known here.

use std::fmt;

use openssl::pkey::{HasPublic, Id, PKey, PKeyRef, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use refuge_mesh::NodeId;

use crate::CryptographyError;

/// Bits of a new key: as strong as 128 bits of a symmetric one (NIST SP 800-57 part 1, table 2).
pub const DEFAULT_KEY_BITS: u32 = 3072;
/// Weaker keys are refused, ours and others': 1024 bits are within reach of states.
pub const LEAST_KEY_BITS: u32 = 2048;
/// Larger keys are refused: checking one signature would take a thread for many milliseconds.
pub const MOST_KEY_BITS: u32 = 8192;

/// A public exponent has at most so many bits: a longer one, which nobody needs, makes every check of
/// a signature as slow as its making.
const MOST_EXPONENT_BITS: i32 = 64;

/// Why a key is not used.
#[derive(Debug, thiserror::Error)]
pub enum BadKey {
    /// Not the text of a private key, one that a passphrase protects, or not the DER of a public one.
    #[error("this is no key that can be read: a private one is in PEM without a passphrase")]
    Unreadable,
    /// Not RSA.
    #[error("the key is not an RSA key")]
    Kind,
    /// Too short or too long.
    #[error("the key has {0} bits: {LEAST_KEY_BITS} to {MOST_KEY_BITS} are allowed")]
    Bits(u32),
    /// A public exponent that no one should use.
    #[error("the key's public exponent is not an odd number from 3 to 64 bits")]
    Exponent,
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
}

/// A node's private key, and with it its id. `Debug` shows the id alone.
#[derive(Clone)]
pub struct NodeKey {
    key: PKey<Private>,
    id: NodeId,
}

impl NodeKey {
    /// A new key. Blocks: 0.3 to 6 s for 3072 bits.
    ///
    /// # Errors
    /// [`BadKey::Bits`] before any work is done; else the library's failures.
    pub fn generate(bits: u32) -> Result<Self, BadKey> {
        check_bits(bits)?;
        let key = Rsa::generate(bits).and_then(PKey::from_rsa).map_err(CryptographyError::from)?;
        Self::new(key)
    }

    /// Reads a private key from PEM, PKCS#8 or PKCS#1.
    ///
    /// # Errors
    /// [`BadKey`] where it is none that a node may have.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadKey> {
        // Without a callback OpenSSL would ask for a passphrase at the terminal and wait.
        let key = PKey::private_key_from_pem_callback(pem, |_| Ok(0));
        Self::new(key.map_err(|_| BadKey::Unreadable)?)
    }

    /// The private key as PKCS#8 in PEM: a secret.
    ///
    /// # Errors
    /// Failures of the library underneath.
    pub fn to_pem(&self) -> Result<Vec<u8>, CryptographyError> {
        Ok(self.key.private_key_to_pem_pkcs8()?)
    }

    /// The id of the node that has this key.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    pub(crate) fn private(&self) -> &PKeyRef<Private> {
        &self.key
    }

    fn new(key: PKey<Private>) -> Result<Self, BadKey> {
        check(&key)?;
        let id = node_id(&key)?;
        Ok(Self { key, id })
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("NodeKey").field(&self.id).finish()
    }
}

/// SHA-256 of the SubjectPublicKeyInfo in DER.
pub(crate) fn node_id<T: HasPublic>(key: &PKeyRef<T>) -> Result<NodeId, CryptographyError> {
    Ok(NodeId::from_digest(sha256(&key.public_key_to_der()?)))
}

/// Whether a node may have this key.
pub(crate) fn check<T: HasPublic>(key: &PKeyRef<T>) -> Result<(), BadKey> {
    if key.id() != Id::RSA {
        return Err(BadKey::Kind);
    }
    check_bits(key.bits())?;
    let rsa = key.rsa().map_err(CryptographyError::from)?;
    let exponent = rsa.e();
    let usable = exponent.is_bit_set(0) && (2..=MOST_EXPONENT_BITS).contains(&exponent.num_bits());
    if usable { Ok(()) } else { Err(BadKey::Exponent) }
}

fn check_bits(bits: u32) -> Result<(), BadKey> {
    if (LEAST_KEY_BITS..=MOST_KEY_BITS).contains(&bits) { Ok(()) } else { Err(BadKey::Bits(bits)) }
}

#[cfg(test)]
mod tests;
