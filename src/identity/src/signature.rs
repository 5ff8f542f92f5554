//! Signatures of nodes over bytes: RSA-PSS with SHA-256 (RFC 8017, section 8.1), the salt as long as
//! the digest. What the bytes mean is not known here.

use std::fmt;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};
use refuge_mesh::NodeId;

use crate::node_key::{self, BadKey, NodeKey};
use crate::{Certificate, CryptographyError};

/// The public key of a node. `Debug` shows the id alone.
#[derive(Clone)]
pub struct PublicKey {
    key: PKey<Public>,
    id: NodeId,
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// [`BadKey`] where it is none that a node may have.
    pub fn from_der(der: &[u8]) -> Result<Self, BadKey> {
        let read = PKey::public_key_from_der(der);
        let key = read.map_err(|_| {
            // What is left on OpenSSL's per-thread stack would fail the next operation on this thread.
            drop(ErrorStack::get());
            BadKey::Unreadable
        })?;
        node_key::check(&key)?;
        let id = node_key::node_id(&key)?;
        Ok(Self { key, id })
    }

    /// As a SubjectPublicKeyInfo in DER.
    ///
    /// # Errors
    /// Failures of the library underneath.
    pub fn to_der(&self) -> Result<Vec<u8>, CryptographyError> {
        Ok(self.key.public_key_to_der()?)
    }

    /// The id of the node that has the key.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// Whether `signature` was made of these bytes with this key. Blocks for 0.1 ms.
    ///
    /// # Errors
    /// Failures of the library underneath.
    pub fn verifies(&self, bytes: &[u8], signature: &[u8]) -> Result<bool, CryptographyError> {
        let mut verifier = Verifier::new(MessageDigest::sha256(), &self.key)?;
        verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
        verifier.set_rsa_mgf1_md(MessageDigest::sha256())?;
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        verifier.update(bytes)?;
        let holds = verifier.verify(signature).unwrap_or(false);
        drop(ErrorStack::get());
        Ok(holds)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("PublicKey").field(&self.id).finish()
    }
}

impl NodeKey {
    /// Signs bytes. Blocks for 2 to 3 ms.
    ///
    /// # Errors
    /// Failures of the library underneath.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, CryptographyError> {
        let mut signer = Signer::new(MessageDigest::sha256(), self.private())?;
        signer.set_rsa_padding(Padding::PKCS1_PSS)?;
        signer.set_rsa_mgf1_md(MessageDigest::sha256())?;
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        signer.update(bytes)?;
        Ok(signer.sign_to_vec()?)
    }

    /// Its public half.
    ///
    /// # Errors
    /// Failures of the library underneath.
    pub fn public(&self) -> Result<PublicKey, BadKey> {
        let der = self.private().public_key_to_der().map_err(CryptographyError::from)?;
        PublicKey::from_der(&der)
    }
}

impl Certificate {
    /// The key it holds.
    ///
    /// # Errors
    /// [`BadKey`] where it is none that a node may have.
    pub fn public_key(&self) -> Result<PublicKey, BadKey> {
        let key = self.x509().public_key().map_err(CryptographyError::from)?;
        PublicKey::from_der(&key.public_key_to_der().map_err(CryptographyError::from)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LEAST_KEY_BITS;

    #[test]
    fn a_signature_holds_for_its_bytes_and_its_key_alone() {
        let [one, other] = [(); 2].map(|()| NodeKey::generate(LEAST_KEY_BITS).unwrap());
        let signature = one.sign(b"bytes").unwrap();
        let key = one.public().unwrap();
        assert_eq!(key.id(), one.id());
        assert!(key.verifies(b"bytes", &signature).unwrap());
        assert!(!key.verifies(b"other bytes", &signature).unwrap());
        assert!(!other.public().unwrap().verifies(b"bytes", &signature).unwrap());
        for forged in [&[][..], &[0; 256], &[0xff; 256], &[1; 4_096], &signature[1..]] {
            assert!(!key.verifies(b"bytes", forged).unwrap());
        }
        assert!(ErrorStack::get().errors().is_empty());
    }

    #[test]
    fn a_public_key_is_read_as_it_was_written() {
        let key = NodeKey::generate(LEAST_KEY_BITS).unwrap().public().unwrap();
        let der = key.to_der().unwrap();
        assert_eq!(PublicKey::from_der(&der).unwrap().id(), key.id());
        assert!(matches!(PublicKey::from_der(&der[1..]), Err(BadKey::Unreadable)));
        assert!(matches!(PublicKey::from_der(b""), Err(BadKey::Unreadable)));
        assert!(ErrorStack::get().errors().is_empty());
    }
}
