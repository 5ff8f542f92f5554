//! Keys and certificates for the tests of this crate: the one that is checked in, and bad ones.

use std::sync::LazyLock;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, PKeyRef, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, ExtendedKeyUsage};
use openssl::x509::{X509, X509NameBuilder};

use crate::{Certificate, CreateOptions, NodeIdentity, NodeKey};

/// A key of 2048 bits in PKCS#1 that nothing but these tests ever used, made with `openssl genrsa`.
pub(crate) const FIXED_KEY: &[u8] = include_bytes!("../fixtures/test-key.pem");
/// A certificate over it by `openssl req -x509`; it ran out the day after it was made.
pub(crate) const FIXED_CERTIFICATE: &[u8] = include_bytes!("../fixtures/test-certificate.pem");
/// The node id, as the command lines of OpenSSL and of coreutils' `base32` tell it.
pub(crate) const FIXED_ID: &str = "Y53W2A6ORVDU2MPIHYLWIUW4ONGO5P4GWNK4N6B5ECMUUABRVD6A";

/// Two nodes, for all tests of a run: keys take their time.
pub(crate) static ANNA: LazyLock<NodeIdentity> = LazyLock::new(|| node("anna"));
pub(crate) static BERT: LazyLock<NodeIdentity> = LazyLock::new(|| node("bert"));

/// Keys of strangers.
static OWN: LazyLock<PKey<Private>> = LazyLock::new(|| rsa(2048));
static FOREIGN: LazyLock<PKey<Private>> = LazyLock::new(|| rsa(2048));

/// A key and what is shown with it: the own certificate first.
pub(crate) struct Shown {
    pub(crate) key: PKey<Private>,
    pub(crate) certificates: Vec<X509>,
}

impl Shown {
    fn single(key: PKey<Private>) -> Self {
        let certificate = Form::default().build(&key, &key);
        Self { key, certificates: vec![certificate] }
    }

    pub(crate) fn own(&self) -> Certificate {
        Certificate::new(self.certificates[0].clone()).unwrap()
    }

    /// As every node shows itself.
    pub(crate) fn good() -> Self {
        Self::single(OWN.clone())
    }

    pub(crate) fn weak() -> Self {
        Self::single(rsa(1024))
    }

    pub(crate) fn elliptic() -> Self {
        let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        Self::single(PKey::from_ec_key(EcKey::generate(&curve).unwrap()).unwrap())
    }

    pub(crate) fn edwards() -> Self {
        let key = PKey::generate_ed25519().unwrap();
        let form = Form { digest: MessageDigest::null(), ..Form::default() };
        let certificate = form.build(&key, &key);
        Self { key, certificates: vec![certificate] }
    }

    /// Signed by an authority that comes along.
    pub(crate) fn by_authority() -> Self {
        let (key, authority) = (OWN.clone(), FOREIGN.clone());
        let root = Form { subject: "authority", issuer: "authority", ..Form::default() };
        let leaf = Form { issuer: "authority", authority: false, ..Form::default() };
        let certificates = vec![leaf.build(&key, &authority), root.build(&authority, &authority)];
        Self { key, certificates }
    }

    /// Its own certificate is good, but another one comes along.
    pub(crate) fn accompanied() -> Self {
        let mut shown = Self::good();
        shown.certificates.extend(Self::good().certificates);
        shown
    }

    /// Its own name as issuer, another's key.
    pub(crate) fn forged() -> Self {
        let key = OWN.clone();
        let certificate = Form::default().build(&key, &FOREIGN);
        Self { key, certificates: vec![certificate] }
    }

    /// Signed by its own key in another's name.
    pub(crate) fn in_foreign_name() -> Self {
        let key = OWN.clone();
        let certificate = Form { issuer: "somebody", ..Form::default() }.build(&key, &key);
        Self { key, certificates: vec![certificate] }
    }

    /// Changed after it was signed.
    pub(crate) fn changed() -> Self {
        let mut shown = Self::good();
        let mut der = shown.certificates[0].to_der().unwrap();
        let last = der.len() - 1;
        der[last] ^= 1;
        shown.certificates = vec![X509::from_der(&der).unwrap()];
        shown
    }

    /// Larger than any that is read.
    pub(crate) fn huge() -> Self {
        let key = OWN.clone();
        let certificate = Form { padding: 9_000, ..Form::default() }.build(&key, &key);
        Self { key, certificates: vec![certificate] }
    }

    /// Good, but out of date, an authority, and for e-mail only: none of which says anything.
    pub(crate) fn eccentric() -> Self {
        let key = OWN.clone();
        let form =
            Form { valid: ("19800101000000Z", "19810101000000Z"), email: true, ..Form::default() };
        Self { certificates: vec![form.build(&key, &key)], key }
    }
}

fn node(name: &str) -> NodeIdentity {
    NodeIdentity::generate(&CreateOptions { bits: 2048, name: name.to_owned() }).unwrap()
}

pub(crate) fn fixed_key() -> NodeKey {
    NodeKey::from_pem(FIXED_KEY).unwrap()
}

fn rsa(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

/// What a certificate says.
struct Form {
    subject: &'static str,
    issuer: &'static str,
    valid: (&'static str, &'static str),
    authority: bool,
    email: bool,
    digest: MessageDigest,
    /// Bytes of a comment that nobody needs.
    padding: usize,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            subject: "node",
            issuer: "node",
            valid: ("20000101000000Z", "99991231235959Z"),
            authority: true,
            email: false,
            digest: MessageDigest::sha256(),
            padding: 0,
        }
    }
}

impl Form {
    fn build(&self, key: &PKeyRef<Private>, signer: &PKeyRef<Private>) -> X509 {
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        let serial = BigNum::from_u32(7).unwrap().to_asn1_integer().unwrap();
        builder.set_serial_number(&serial).unwrap();
        for (name, subject) in [(self.subject, true), (self.issuer, false)] {
            let mut names = X509NameBuilder::new().unwrap();
            names.append_entry_by_text("CN", name).unwrap();
            match subject {
                true => builder.set_subject_name(&names.build()).unwrap(),
                false => builder.set_issuer_name(&names.build()).unwrap(),
            }
        }
        builder.set_pubkey(key).unwrap();
        builder.set_not_before(&Asn1Time::from_str_x509(self.valid.0).unwrap()).unwrap();
        builder.set_not_after(&Asn1Time::from_str_x509(self.valid.1).unwrap()).unwrap();
        if self.authority {
            let constraint = BasicConstraints::new().critical().ca().build().unwrap();
            builder.append_extension(constraint).unwrap();
        }
        if self.email {
            let usage = ExtendedKeyUsage::new().critical().email_protection().build().unwrap();
            builder.append_extension(usage).unwrap();
        }
        if self.padding > 0 {
            builder.append_extension(comment(self.padding)).unwrap();
        }
        builder.sign(signer, self.digest).unwrap();
        builder.build()
    }
}

fn comment(bytes: usize) -> openssl::x509::X509Extension {
    use openssl::asn1::{Asn1Object, Asn1OctetString};
    // Netscape's comment, an extension that nobody reads.
    let kind = Asn1Object::from_str("2.16.840.1.113730.1.13").unwrap();
    let value = Asn1OctetString::new_from_bytes(&vec![0; bytes]).unwrap();
    openssl::x509::X509Extension::new_from_der(&kind, false, &value).unwrap()
}
