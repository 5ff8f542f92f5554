//! Keyed digests, for remembering that a secret was right without keeping it.

use std::fmt;

use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::Signer;

use crate::{CryptographyError, random_bytes};

/// A key that lives as long as the process and is written nowhere.
pub struct MacKey(PKey<Private>);

impl MacKey {
    /// A new random key of 256 bits.
    pub fn random() -> Result<Self, CryptographyError> {
        Ok(Self(PKey::hmac(&random_bytes::<32>()?)?))
    }

    /// HMAC-SHA256 (RFC 2104) over `parts`, each preceded by its length, so that no two lists of
    /// parts give the same input.
    pub fn digest(&self, parts: &[&[u8]]) -> Result<[u8; 32], CryptographyError> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.0)?;
        for part in parts {
            signer.update(&(part.len() as u64).to_be_bytes())?;
            signer.update(part)?;
        }
        let mut digest = [0; 32];
        signer.sign(&mut digest)?;
        Ok(digest)
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MacKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_depend_on_key_and_parts() {
        let key = MacKey::random().unwrap();
        let mac = |parts: &[&[u8]]| key.digest(parts).unwrap();
        assert_eq!(mac(&[b"anna", b"geheim"]), mac(&[b"anna", b"geheim"]));
        assert_ne!(mac(&[b"anna", b"geheim"]), mac(&[b"annag", b"eheim"]));
        assert_ne!(mac(&[b"anna", b"geheim"]), mac(&[b"annageheim"]));
        let other = MacKey::random().unwrap();
        assert_ne!(mac(&[b"anna"]), other.digest(&[b"anna"]).unwrap());
    }
}
