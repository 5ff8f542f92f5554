//! What is refused before anybody listens, and who is let in and under which name.

use std::pin::Pin;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::ssl::{SslConnector, SslVerifyMode};
use openssl::symm::Cipher;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509Builder, X509NameBuilder};

use super::*;
use crate::specimens::{ANNA, Shown};

/// A key with a certificate.
struct Own {
    key: PKey<Private>,
    certificate: X509,
}

/// A certificate with these common names and alternative names, signed by an issuer or by itself.
fn issue(names: &[&str], alternative: Option<&SubjectAlternativeName>, by: Option<&Own>) -> Own {
    let key = PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    for name in names {
        subject.append_entry_by_nid(Nid::COMMONNAME, name).unwrap();
    }
    let subject = subject.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    let issuer = by.map_or(&*subject, |by| by.certificate.subject_name());
    builder.set_issuer_name(issuer).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_str_x509("99991231235959Z").unwrap()).unwrap();
    builder.set_pubkey(&key).unwrap();
    if by.is_none() {
        builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap();
    }
    if let Some(alternative) = alternative {
        let context = builder.x509v3_context(None, None);
        let extension = alternative.build(&context).unwrap();
        builder.append_extension(extension).unwrap();
    }
    let signer = by.map_or(&key, |by| &by.key);
    builder.sign(signer, MessageDigest::sha256()).unwrap();
    Own { certificate: builder.build(), key }
}

fn options(own: &Own) -> ServerOptions {
    ServerOptions {
        certificate_pem: own.certificate.to_pem().unwrap(),
        key_pem: own.key.private_key_to_pem_pkcs8().unwrap(),
        password: None,
        nodes_own_pem: None,
        clients: None,
        versions: Versions::Both,
        ciphers: None,
    }
}

#[test]
fn what_cannot_serve_is_told() {
    let own = issue(&["a"], None, None);
    let good = options(&own);
    let told = |options: ServerOptions| ServerTls::new(&options).unwrap_err().to_string();
    assert!(ServerTls::new(&good).is_ok());
    assert!(
        told(ServerOptions { certificate_pem: vec![], ..good.clone() }).contains("none in PEM")
    );
    assert!(told(ServerOptions { key_pem: b"x".to_vec(), ..good.clone() }).contains("private key"));
    let other = Shown::good().key.private_key_to_pem_pkcs8().unwrap();
    assert!(told(ServerOptions { key_pem: other, ..good.clone() }).contains("not that of"));
    let ciphers = Some("NOTHING".to_owned());
    assert!(told(ServerOptions { ciphers, ..good.clone() }).contains("ciphers"));
    let nobody = ClientAuthorities { pem: b"x".to_vec(), depth: 1, required: false, name: None };
    assert!(told(ServerOptions { clients: Some(nobody), ..good.clone() }).contains("authorities"));
    let nodes_own_pem = Some(good.certificate_pem.clone());
    assert!(told(ServerOptions { nodes_own_pem, ..good.clone() }).contains("the node's own"));
    let nodes_own_pem = Some(ANNA.certificate().to_pem().unwrap().into_bytes());
    assert!(ServerTls::new(&ServerOptions { nodes_own_pem, ..good }).is_ok());
}

#[test]
fn a_key_may_have_a_password() {
    let own = issue(&["a"], None, None);
    let key_pem =
        own.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"apple").unwrap();
    let with = |password: Option<&str>| {
        let password = password.map(str::to_owned);
        let key_pem = key_pem.clone();
        ServerTls::new(&ServerOptions { key_pem, password, ..options(&own) })
    };
    assert!(with(Some("apple")).is_ok());
    assert!(with(Some("pear")).is_err() && with(None).is_err());
}

#[test]
fn one_name_of_the_wanted_kind_names_somebody() {
    let mut alternative = SubjectAlternativeName::new();
    alternative.dns("anna.example").email("a@b.c");
    let own = issue(&["anna"], Some(&alternative), None);
    let read = |kind: ClientNameKind, own: &Own| kind.read(&own.certificate);
    assert_eq!(read(ClientNameKind::CommonName, &own).as_deref(), Some("anna"));
    assert_eq!(read(ClientNameKind::Dns, &own).as_deref(), Some("anna.example"));
    assert_eq!(read(ClientNameKind::Email, &own).as_deref(), Some("a@b.c"));
    for names in [&["anna", "bert"][..], &[], &["an\u{0}na"], &["an\nna"]] {
        let own = issue(names, None, None);
        assert_eq!(read(ClientNameKind::CommonName, &own), None, "{names:?}");
        assert_eq!(read(ClientNameKind::Email, &own), None);
    }
}

/// The name under which somebody comes in who shows this certificate.
async fn let_in(tls: &ServerTls, shown: Option<&Own>) -> Result<Option<String>, String> {
    let mut builder = SslConnector::builder(SslMethod::tls_client()).unwrap();
    builder.set_verify(SslVerifyMode::NONE);
    if let Some(own) = shown {
        builder.set_certificate(&own.certificate).unwrap();
        builder.set_private_key(&own.key).unwrap();
    }
    let ssl = builder.build().configure().unwrap().verify_hostname(false).into_ssl("a").unwrap();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let mut client = TlsStream::new(ssl, near).unwrap();
    let (_, served) = tokio::join!(Pin::new(&mut client).connect(), tls.accept(far));
    served.map(|client| client.name)
}

#[tokio::test]
async fn clients_are_asked_for_a_certificate_of_the_authorities() {
    let (own, authority) = (issue(&["a"], None, None), issue(&["authority"], None, None));
    let server = |required| {
        let pem = authority.certificate.to_pem().unwrap();
        let name = Some(ClientNameKind::CommonName);
        let clients = Some(ClientAuthorities { pem, depth: 1, required, name });
        ServerTls::new(&ServerOptions { clients, ..options(&own) }).unwrap()
    };
    let anna = issue(&["anna"], None, Some(&authority));
    let stranger = issue(&["anna"], None, None);
    for required in [false, true] {
        let tls = server(required);
        assert_eq!(let_in(&tls, Some(&anna)).await, Ok(Some("anna".to_owned())));
        assert!(let_in(&tls, Some(&stranger)).await.is_err(), "a stranger's certificate");
        assert_eq!(let_in(&tls, None).await.is_err(), required);
    }
    let plain = ServerTls::new(&options(&own)).unwrap();
    assert_eq!(let_in(&plain, Some(&anna)).await, Ok(None), "nobody asks for one");
}
