//! Hash functions by the names that CouchDB has for them, and HMAC over them. What is hashed, and why,
//! is not known here.

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use crate::CryptographyError;

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// SHA-1, CouchDB's `sha`: for what is old.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Sha1, Self::Sha224, Self::Sha256, Self::Sha384, Self::Sha512];

    /// By CouchDB's name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// CouchDB's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    pub(crate) fn digest(self) -> MessageDigest {
        match self {
            Self::Sha1 => MessageDigest::sha1(),
            Self::Sha224 => MessageDigest::sha224(),
            Self::Sha256 => MessageDigest::sha256(),
            Self::Sha384 => MessageDigest::sha384(),
            Self::Sha512 => MessageDigest::sha512(),
        }
    }

    /// HMAC (RFC 2104) of `message` under `key`, which must not be empty.
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn hmac(self, key: &[u8], message: &[u8]) -> Result<Vec<u8>, CryptographyError> {
        let key = PKey::hmac(key)?;
        let mut signer = Signer::new(self.digest(), &key)?;
        signer.update(message)?;
        Ok(signer.sign_to_vec()?)
    }
}

/// SHA-256 (FIPS 180-4) of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    openssl::sha::sha256(bytes)
}

/// Bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231, test case 2.
    #[test]
    fn the_vectors_of_the_rfc_hold() {
        let mac = |algorithm: HashAlgorithm| {
            let mac = algorithm.hmac(b"Jefe", b"what do ya want for nothing?");
            hexadecimal(&mac.unwrap())
        };
        assert_eq!(
            mac(HashAlgorithm::Sha256),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
        assert!(mac(HashAlgorithm::Sha512).starts_with("164b7a7bfcf819e2e395fbe73b56e0a3"));
        // RFC 2202, test case 2.
        assert_eq!(mac(HashAlgorithm::Sha1), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }

    #[test]
    fn names_are_couchdbs() {
        for one in HashAlgorithm::ALL {
            assert_eq!(HashAlgorithm::named(one.name()), Some(one));
        }
        assert_eq!(HashAlgorithm::named("md5"), None);
    }
}
