//! The name in a client's certificate. Whether somebody is called so is not known here.

use openssl::nid::Nid;
use openssl::x509::X509Ref;

/// Most bytes of a name that are looked at.
const LONGEST: usize = 256;

/// What of a certificate is a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientNameKind {
    /// The common name of its subject.
    CommonName,
    /// The mail address among its subject's alternative names.
    Email,
    /// The host among its subject's alternative names.
    Dns,
}

impl ClientNameKind {
    /// The name; none where there is none, where there are several, since nobody could tell which was
    /// meant, and where it holds what no name should.
    pub(super) fn read(self, certificate: &X509Ref) -> Option<String> {
        let mut names = match self {
            Self::CommonName => common_names(certificate)?,
            Self::Email | Self::Dns => alternative_names(certificate, self == Self::Email),
        };
        let name = names.pop().filter(|_| names.is_empty())?;
        let good = (1..=LONGEST).contains(&name.len()) && !name.chars().any(char::is_control);
        good.then_some(name)
    }
}

/// All common names; none where one of them is no text.
fn common_names(certificate: &X509Ref) -> Option<Vec<String>> {
    let entries = certificate.subject_name().entries_by_nid(Nid::COMMONNAME);
    // OpenSSL gives the length with the text, so a byte of zero ends nothing.
    entries.map(|entry| entry.data().to_string().ok()).collect()
}

fn alternative_names(certificate: &X509Ref, email: bool) -> Vec<String> {
    let names = certificate.subject_alt_names();
    let names = names.iter().flatten();
    names
        .filter_map(|name| if email { name.email() } else { name.dnsname() })
        .map(str::to_owned)
        .collect()
}
