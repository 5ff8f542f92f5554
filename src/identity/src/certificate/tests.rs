//! Certificates: ours as the `openssl` command line reads them, and those that are refused.

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;
use crate::specimens::{ANNA, FIXED_CERTIFICATE, FIXED_ID, Shown, fixed_key};

/// The standard output of a command line, fed with `input`.
fn run(line: &str, input: &[u8]) -> Vec<u8> {
    let mut words = line.split(' ');
    let mut child = Command::new(words.next().unwrap())
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the openssl command line is needed for this test");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{line}");
    output.stdout
}

fn text(line: &str, input: &[u8]) -> String {
    String::from_utf8(run(line, input)).unwrap()
}

/// The id of a certificate as OpenSSL's command line tells it.
fn id_by_command_line(pem: &[u8]) -> NodeId {
    let public = run("openssl x509 -pubkey -noout", pem);
    let der = run("openssl pkey -pubin -outform der", &public);
    NodeId::from_digest(run("openssl dgst -sha256 -binary", &der).try_into().unwrap())
}

fn refusal(shown: &Shown) -> BadCertificate {
    shown.own().check_peer().unwrap_err()
}

#[test]
fn a_fixed_certificate_has_a_fixed_id_whatever_its_dates_say() {
    let certificate = Certificate::from_pem(FIXED_CERTIFICATE).unwrap();
    assert_eq!(certificate.node_id().to_string(), FIXED_ID);
    assert_eq!(certificate.check_peer().unwrap().to_string(), FIXED_ID);
    assert_eq!(format!("{certificate:?}"), format!("Certificate(NodeId({FIXED_ID}))"));
}

#[test]
fn the_command_line_agrees_on_ids() {
    assert_eq!(id_by_command_line(FIXED_CERTIFICATE).to_string(), FIXED_ID);
    let ours = ANNA.certificate().to_pem().unwrap();
    assert_eq!(id_by_command_line(ours.as_bytes()), ANNA.id);
}

#[test]
fn ours_says_what_it_should() {
    let pem = Certificate::issue(&fixed_key(), "Gärtnerei").unwrap().to_pem().unwrap();
    let shown = text("openssl x509 -noout -text -nameopt utf8,sep_comma_plus", pem.as_bytes());
    for expected in [
        "Version: 3 (0x2)",
        "Signature Algorithm: sha256WithRSAEncryption",
        "Issuer: CN=Gärtnerei\n",
        "Subject: CN=Gärtnerei\n",
        "Not Before: Jan  1 00:00:00 1970 GMT",
        "Not After : Dec 31 23:59:59 9999 GMT",
        "X509v3 Basic Constraints: critical\n                CA:FALSE",
    ] {
        assert!(shown.contains(expected), "{expected} is not in {shown}");
    }
}

#[test]
fn a_renewed_certificate_differs_and_keeps_the_id() {
    let issue = || Certificate::issue(&fixed_key(), "anna").unwrap();
    let (one, other) = (issue(), issue());
    assert_ne!(one.to_pem().unwrap(), other.to_pem().unwrap());
    assert_eq!(one.node_id(), other.node_id());
    assert_eq!(one.check_peer().unwrap(), fixed_key().id());
}

#[test]
fn any_name_gives_a_certificate() {
    for (name, kept) in [
        ("", "refuge"),
        (" \u{7}\n", "refuge"),
        ("an\nna\0", "anna"),
        ("🌱 im Garten", "🌱 im Garten"),
        (&"ü".repeat(500), &"ü".repeat(64)),
    ] {
        let certificate = Certificate::issue(&fixed_key(), name).unwrap();
        certificate.check_peer().unwrap();
        let mut entries = certificate.x509().subject_name().entries_by_nid(Nid::COMMONNAME);
        let found = entries.next().unwrap().data().to_string().unwrap();
        assert_eq!(found, kept);
    }
}

#[test]
fn what_is_read_is_what_was_written() {
    let pem = ANNA.certificate().to_pem().unwrap();
    let again = Certificate::from_pem(pem.as_bytes()).unwrap();
    assert_eq!(again.node_id(), ANNA.id);
    assert_eq!(again.to_pem().unwrap(), pem);
}

#[test]
fn texts_that_are_no_single_certificate_are_refused() {
    let pem = ANNA.certificate().to_pem().unwrap();
    let twice = pem.repeat(2);
    let half = pem.get(..300).unwrap();
    assert!(matches!(Certificate::from_pem(twice.as_bytes()), Err(BadCertificate::Several)));
    for text in ["", "-----BEGIN CERTIFICATE-----", half, "x"] {
        assert!(matches!(Certificate::from_pem(text.as_bytes()), Err(BadCertificate::Unreadable)));
    }
}

#[test]
fn a_node_has_an_rsa_key_of_a_good_size() {
    let kind = |shown| matches!(refusal(&shown), BadCertificate::Key(BadKey::Kind));
    assert!(kind(Shown::elliptic()) && kind(Shown::edwards()));
    let weak = refusal(&Shown::weak());
    assert!(matches!(weak, BadCertificate::Key(BadKey::Bits(1024))), "{weak}");
}

#[test]
fn a_node_signs_for_itself() {
    for shown in [Shown::by_authority(), Shown::in_foreign_name()] {
        assert!(matches!(refusal(&shown), BadCertificate::OtherIssuer));
    }
}

#[test]
fn a_signature_that_does_not_hold_is_refused_and_leaves_no_trace() {
    for shown in [Shown::forged(), Shown::changed()] {
        assert!(matches!(refusal(&shown), BadCertificate::Signature));
        assert!(ErrorStack::get().errors().is_empty());
    }
}

#[test]
fn a_giant_is_refused() {
    assert!(matches!(refusal(&Shown::huge()), BadCertificate::Size(bytes) if bytes > 9_000));
}

#[test]
fn dates_and_extensions_say_nothing() {
    Shown::eccentric().own().check_peer().unwrap();
}

#[test]
fn an_even_exponent_is_refused() {
    use openssl::bn::BigNum;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    let modulus = || fixed_key().private().rsa().unwrap().n().to_owned().unwrap();
    let exponents = [
        BigNum::from_u32(0).unwrap(),
        BigNum::from_u32(1).unwrap(),
        BigNum::from_u32(65_536).unwrap(),
        BigNum::from_slice(&[0xff; 9]).unwrap(),
    ];
    for exponent in exponents {
        let key =
            Rsa::from_public_components(modulus(), exponent).and_then(PKey::from_rsa).unwrap();
        assert!(matches!(node_key::check(&key), Err(BadKey::Exponent)));
    }
}
