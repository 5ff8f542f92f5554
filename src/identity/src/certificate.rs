//! Certificates of nodes: making our own, reading and judging those of others. Whether a node is
//! trusted is not known here; a good certificate says only which node it is.
//!
//! A node's certificate names nobody but itself and is signed by its own key, so nothing in it is
//! proof of anything but the key. Its dates are ignored by nodes, since clocks may be off; ours run
//! from 1970, where a clock without a battery starts, to the date that RFC 5280 (section 4.1.2.5)
//! keeps for "no end", so that other programs find it valid whatever their clock says, and so that it
//! does not tell when the node was made.

use std::fmt;

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Public};
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509, X509Builder, X509NameBuilder, X509Ref};
use refuge_mesh::NodeId;

use crate::node_key::{self, BadKey, NodeKey};
use crate::{CryptographyError, random_bytes};

/// More bytes of DER than this are no certificate of a node: one with the largest key allowed has
/// about 2,300.
pub const MOST_CERTIFICATE_BYTES: usize = 8 << 10;

/// X.509's number for version 3.
const VERSION_3: i32 = 2;
/// RFC 5280, appendix A: `ub-common-name`, in characters.
const MOST_NAME_CHARACTERS: usize = 64;
/// A common name may not be empty.
const NAMELESS: &str = "refuge";

/// Why a certificate is not accepted as that of a node.
#[derive(Debug, thiserror::Error)]
pub enum BadCertificate {
    /// Not the text of one.
    #[error("this is no certificate in PEM")]
    Unreadable,
    /// More than one.
    #[error("there is more than one certificate: a node has a single one, signed by itself")]
    Several,
    /// Too large.
    #[error("the certificate has {0} bytes: {MOST_CERTIFICATE_BYTES} are allowed")]
    Size(usize),
    /// Its key is none that a node may have.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// Signed by someone else.
    #[error("the certificate is not signed by its own key")]
    OtherIssuer,
    /// The signature is not one of these bytes by this key.
    #[error("the signature of the certificate does not hold")]
    Signature,
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
}

/// A certificate, ours or another's. Clones share it. `Debug` shows the id alone.
#[derive(Clone)]
pub struct Certificate {
    certificate: X509,
    key: PKey<Public>,
    id: NodeId,
}

impl Certificate {
    /// Issues one for `key` over itself. Of `name`, which others see and need not believe, control
    /// characters are left out and 64 characters kept.
    ///
    /// # Errors
    /// Failures of the library underneath.
    pub fn issue(key: &NodeKey, name: &str) -> Result<Self, CryptographyError> {
        let certificate = issue(key, name)?;
        let public = certificate.public_key()?;
        Ok(Self { certificate, key: public, id: key.id() })
    }

    /// Reads the one certificate in `pem`. It may still be none that a node should have: see
    /// [`check_peer`](Self::check_peer).
    ///
    /// # Errors
    /// [`BadCertificate`] where there is none, are several, or its key is of a kind not known here.
    pub fn from_pem(pem: &[u8]) -> Result<Self, BadCertificate> {
        let mut all = X509::stack_from_pem(pem).map_err(|_| BadCertificate::Unreadable)?;
        let certificate = all.pop().ok_or(BadCertificate::Unreadable)?;
        if !all.is_empty() {
            return Err(BadCertificate::Several);
        }
        Self::new(certificate)
    }

    /// As PEM.
    ///
    /// # Errors
    /// Failures of the library underneath.
    pub fn to_pem(&self) -> Result<String, CryptographyError> {
        let pem = self.certificate.to_pem()?;
        Ok(String::from_utf8_lossy(&pem).into_owned())
    }

    /// The node whose key it holds.
    #[must_use]
    pub fn node_id(&self) -> NodeId {
        self.id
    }

    /// Whether it is what a node shows: of bounded size, over an RSA key of 2048 to 8192 bits, signed
    /// by that key. Its dates, names and extensions say nothing. Blocks for 0.1 ms.
    ///
    /// # Errors
    /// [`BadCertificate`], the first that applies.
    pub fn check_peer(&self) -> Result<NodeId, BadCertificate> {
        let bytes = self.certificate.to_der().map_err(CryptographyError::from)?.len();
        if bytes > MOST_CERTIFICATE_BYTES {
            return Err(BadCertificate::Size(bytes));
        }
        node_key::check(&self.key)?;
        if !names_itself(&self.certificate)? {
            return Err(BadCertificate::OtherIssuer);
        }
        let holds = self.certificate.verify(&self.key).unwrap_or(false);
        // What is left on OpenSSL's per-thread stack would fail the next connection on this thread.
        drop(ErrorStack::get());
        if holds { Ok(self.id) } else { Err(BadCertificate::Signature) }
    }

    pub(crate) fn new(certificate: X509) -> Result<Self, BadCertificate> {
        let key = certificate.public_key().map_err(|_| BadCertificate::Key(BadKey::Kind))?;
        let id = node_key::node_id(&key)?;
        Ok(Self { certificate, key, id })
    }

    pub(crate) fn x509(&self) -> &X509Ref {
        &self.certificate
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Certificate").field(&self.id).finish()
    }
}

fn names_itself(certificate: &X509Ref) -> Result<bool, CryptographyError> {
    Ok(certificate.subject_name().try_cmp(certificate.issuer_name())?.is_eq())
}

fn issue(key: &NodeKey, name: &str) -> Result<X509, CryptographyError> {
    let mut names = X509NameBuilder::new()?;
    names.append_entry_by_nid(Nid::COMMONNAME, &common_name(name))?;
    let names = names.build();
    let mut builder = X509Builder::new()?;
    builder.set_version(VERSION_3)?;
    let serial = serial()?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&names)?;
    builder.set_issuer_name(&names)?;
    let start = Asn1Time::from_unix(0)?;
    builder.set_not_before(&start)?;
    let end = Asn1Time::from_str_x509("99991231235959Z")?;
    builder.set_not_after(&end)?;
    builder.set_pubkey(key.private())?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.sign(key.private(), MessageDigest::sha256())?;
    Ok(builder.build())
}

/// Random, so that two certificates over one key are told apart; positive and short as RFC 5280,
/// section 4.1.2.2, asks.
fn serial() -> Result<Asn1Integer, CryptographyError> {
    Ok(BigNum::from_slice(&random_bytes::<16>()?)?.to_asn1_integer()?)
}

fn common_name(name: &str) -> String {
    let kept = name.chars().filter(|character| !character.is_control());
    let kept: String = kept.take(MOST_NAME_CHARACTERS).collect();
    if kept.trim().is_empty() { NAMELESS.to_owned() } else { kept }
}

#[cfg(test)]
mod tests;
