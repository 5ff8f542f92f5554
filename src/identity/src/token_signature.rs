//! Signatures of JSON web tokens (RFC 7518): which algorithm goes with which kind of key, and whether a
//! signature holds. What a token claims is not read here.

use openssl::bn::BigNum;
use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::sign::Verifier;

use crate::{CryptographyError, HashAlgorithm, constant_time_equal};

/// Bits of an RSA key below which a signature says nothing.
const LEAST_RSA_BITS: u32 = 2_048;

/// A kind of key. An algorithm takes keys of its own kind alone, so that nobody passes a public key off
/// as a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKeyKind {
    /// A secret that both sides know.
    Hmac,
    /// An RSA key.
    Rsa,
    /// A key on an elliptic curve.
    Ec,
}

impl TokenKeyKind {
    /// CouchDB's word in front of a key's id.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hmac => "hmac",
            Self::Rsa => "rsa",
            Self::Ec => "ec",
        }
    }
}

/// An algorithm that a token may be signed with; `none` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenAlgorithm {
    kind: TokenKeyKind,
    hash: HashAlgorithm,
}

impl TokenAlgorithm {
    /// By its name in a token's head: `HS256` to `ES512`.
    pub fn named(name: &str) -> Option<Self> {
        let (kind, hash) = name.split_at_checked(2)?;
        let kind = match kind {
            "HS" => TokenKeyKind::Hmac,
            "RS" => TokenKeyKind::Rsa,
            "ES" => TokenKeyKind::Ec,
            _ => return None,
        };
        let hash = match hash {
            "256" => HashAlgorithm::Sha256,
            "384" => HashAlgorithm::Sha384,
            "512" => HashAlgorithm::Sha512,
            _ => return None,
        };
        Some(Self { kind, hash })
    }

    /// The kind of key that it takes.
    pub fn kind(self) -> TokenKeyKind {
        self.kind
    }

    /// The curve that belongs to it, with the bytes of a coordinate.
    fn curve(self) -> (Nid, usize) {
        match self.hash {
            HashAlgorithm::Sha384 => (Nid::SECP384R1, 48),
            HashAlgorithm::Sha512 => (Nid::SECP521R1, 66),
            _ => (Nid::X9_62_PRIME256V1, 32),
        }
    }
}

/// Why a configured key is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenKeyError {
    /// It cannot be read.
    #[error("Not a valid key")]
    Unreadable,
    /// It is none of RSA, or too short.
    #[error("not an RSA public key")]
    NotRsa,
    /// It is none of elliptic curves.
    #[error("not an EC public key")]
    NotEc,
}

/// A key that signatures are checked with. No `Debug`: it may be a secret.
pub enum TokenKey {
    /// A secret.
    Secret(Vec<u8>),
    /// A public key.
    Public(PKey<Public>),
}

impl TokenKey {
    /// Reads a key as CouchDB's `[jwt_keys]` writes it: base64 of a secret, or PEM whose ends of lines
    /// may be written `\n`.
    ///
    /// # Errors
    /// [`TokenKeyError`].
    pub fn read(kind: TokenKeyKind, text: &str) -> Result<Self, TokenKeyError> {
        if kind == TokenKeyKind::Hmac {
            let secret = openssl::base64::decode_block(text.trim());
            let secret = secret.ok().filter(|secret| !secret.is_empty());
            return secret.map(Self::Secret).ok_or(TokenKeyError::Unreadable);
        }
        let pem = text.replace("\\n", "\n");
        let key = PKey::public_key_from_pem(pem.as_bytes());
        let key = key.map_err(|_| TokenKeyError::Unreadable)?;
        match kind {
            TokenKeyKind::Rsa if key.id() != Id::RSA || key.bits() < LEAST_RSA_BITS => {
                Err(TokenKeyError::NotRsa)
            }
            TokenKeyKind::Ec if key.id() != Id::EC => Err(TokenKeyError::NotEc),
            _ => Ok(Self::Public(key)),
        }
    }

    /// Whether `signature` was made of `signed` with this key. Takes 0.1 ms or so for public keys.
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn verifies(
        &self,
        algorithm: TokenAlgorithm,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<bool, CryptographyError> {
        match (self, algorithm.kind) {
            (Self::Secret(secret), TokenKeyKind::Hmac) => {
                let expected = algorithm.hash.hmac(secret, signed)?;
                Ok(constant_time_equal(&expected, signature))
            }
            (Self::Public(key), TokenKeyKind::Rsa) => {
                let mut verifier = Verifier::new(algorithm.hash.digest(), key)?;
                verifier.update(signed)?;
                // A signature of another length is an error there and a wrong one here.
                Ok(verifier.verify(signature).unwrap_or(false))
            }
            (Self::Public(key), TokenKeyKind::Ec) => {
                verifies_on_curve(&key.ec_key()?, algorithm, signed, signature)
            }
            _ => Ok(false),
        }
    }
}

/// RFC 7518, section 3.4: both numbers of the signature side by side.
fn verifies_on_curve(
    key: &EcKey<Public>,
    algorithm: TokenAlgorithm,
    signed: &[u8],
    signature: &[u8],
) -> Result<bool, CryptographyError> {
    let (curve, coordinate) = algorithm.curve();
    if key.group().curve_name() != Some(curve) || signature.len() != 2 * coordinate {
        return Ok(false);
    }
    let (first, second) = signature.split_at(coordinate);
    let pair =
        EcdsaSig::from_private_components(BigNum::from_slice(first)?, BigNum::from_slice(second)?)?;
    let digest = openssl::hash::hash(algorithm.hash.digest(), signed)?;
    Ok(pair.verify(&digest, key).unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use openssl::ec::EcGroup;
    use openssl::rsa::Rsa;
    use openssl::sign::Signer;

    use super::*;

    fn named(name: &str) -> TokenAlgorithm {
        TokenAlgorithm::named(name).unwrap()
    }

    #[test]
    fn algorithms_have_their_kinds_and_none_is_none() {
        assert_eq!(named("HS384").kind(), TokenKeyKind::Hmac);
        assert_eq!(named("RS512").kind(), TokenKeyKind::Rsa);
        assert_eq!(named("ES256").kind(), TokenKeyKind::Ec);
        for name in ["none", "None", "", "HS1", "PS256", "EdDSA", "hs256", "ä256"] {
            assert_eq!(TokenAlgorithm::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_secret_signs_for_its_own_kind_alone() {
        let key = TokenKey::read(TokenKeyKind::Hmac, "aGVsbG8=").unwrap();
        let mac = HashAlgorithm::Sha256.hmac(b"hello", b"x.y").unwrap();
        assert!(key.verifies(named("HS256"), b"x.y", &mac).unwrap());
        assert!(!key.verifies(named("HS384"), b"x.y", &mac).unwrap());
        assert!(!key.verifies(named("RS256"), b"x.y", &mac).unwrap());
        assert!(!key.verifies(named("HS256"), b"x.y", b"").unwrap());
        assert!(TokenKey::read(TokenKeyKind::Hmac, "").is_err());
        assert!(TokenKey::read(TokenKeyKind::Hmac, "%%%").is_err());
    }

    #[test]
    fn rsa_signatures_hold_for_the_key_that_made_them() {
        let pair = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let pem = String::from_utf8(pair.public_key_to_pem().unwrap()).unwrap();
        let key = TokenKey::read(TokenKeyKind::Rsa, &pem.replace('\n', "\\n")).unwrap();
        let mut signer = Signer::new(HashAlgorithm::Sha256.digest(), &pair).unwrap();
        signer.update(b"x.y").unwrap();
        let signature = signer.sign_to_vec().unwrap();
        assert!(key.verifies(named("RS256"), b"x.y", &signature).unwrap());
        assert!(!key.verifies(named("RS256"), b"x.z", &signature).unwrap());
        assert!(!key.verifies(named("RS256"), b"x.y", b"short").unwrap());
        // A token signed with the public key as if it were a secret.
        let forged = HashAlgorithm::Sha256.hmac(pem.as_bytes(), b"x.y").unwrap();
        assert!(!key.verifies(named("HS256"), b"x.y", &forged).unwrap());
        assert_eq!(TokenKey::read(TokenKeyKind::Ec, &pem).err(), Some(TokenKeyError::NotEc));
    }

    #[test]
    fn signatures_on_curves_hold_for_their_curve() {
        for (name, curve) in
            [("ES256", Nid::X9_62_PRIME256V1), ("ES384", Nid::SECP384R1), ("ES512", Nid::SECP521R1)]
        {
            let pair = EcKey::generate(&EcGroup::from_curve_name(curve).unwrap()).unwrap();
            let pem = PKey::from_ec_key(pair.clone()).unwrap().public_key_to_pem().unwrap();
            let pem = String::from_utf8(pem).unwrap();
            let key = TokenKey::read(TokenKeyKind::Ec, &pem).unwrap();
            let algorithm = named(name);
            let digest = openssl::hash::hash(algorithm.hash.digest(), b"x.y").unwrap();
            let signature = EcdsaSig::sign(&digest, &pair).unwrap();
            let coordinate = i32::try_from(algorithm.curve().1).unwrap();
            let mut bytes = signature.r().to_vec_padded(coordinate).unwrap();
            bytes.extend(signature.s().to_vec_padded(coordinate).unwrap());
            assert!(key.verifies(algorithm, b"x.y", &bytes).unwrap(), "{name}");
            assert!(!key.verifies(algorithm, b"x.z", &bytes).unwrap(), "{name}");
            let zeros = vec![0; bytes.len()];
            assert!(!key.verifies(algorithm, b"x.y", &zeros).unwrap(), "{name}: numbers of nought");
            assert!(TokenKey::read(TokenKeyKind::Rsa, &pem).is_err());
        }
    }
}
