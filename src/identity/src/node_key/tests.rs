//! Keys, against fixed text and the `openssl` command line.

use openssl::symm::Cipher;

use super::*;
use crate::specimens::{FIXED_ID, FIXED_KEY, Shown, fixed_key};

#[test]
fn the_id_of_a_fixed_key_is_known() {
    assert_eq!(fixed_key().id().to_string(), FIXED_ID);
}

#[test]
fn a_key_is_the_same_after_it_was_written_and_read() {
    let pem = fixed_key().to_pem().unwrap();
    assert!(pem.starts_with(b"-----BEGIN PRIVATE KEY-----"));
    let again = NodeKey::from_pem(&pem).unwrap();
    assert_eq!(again.id(), fixed_key().id());
    assert_eq!(again.to_pem().unwrap(), pem);
}

#[test]
fn new_keys_differ_and_have_the_size_asked_for() {
    let (one, other) = (NodeKey::generate(2048).unwrap(), NodeKey::generate(2048).unwrap());
    assert_ne!(one.id(), other.id());
    assert_eq!(one.private().bits(), 2048);
}

#[test]
fn weak_and_giant_keys_are_refused_before_they_are_made() {
    for bits in [0, 512, 1024, 2047, 8193, u32::MAX] {
        assert!(matches!(NodeKey::generate(bits), Err(BadKey::Bits(told)) if told == bits));
    }
}

#[test]
fn other_kinds_of_keys_are_refused() {
    for shown in [Shown::elliptic(), Shown::edwards()] {
        let pem = shown.key.private_key_to_pem_pkcs8().unwrap();
        assert!(matches!(NodeKey::from_pem(&pem), Err(BadKey::Kind)));
    }
    let weak = Shown::weak().key.private_key_to_pem_pkcs8().unwrap();
    assert!(matches!(NodeKey::from_pem(&weak), Err(BadKey::Bits(1024))));
}

#[test]
fn a_key_with_a_passphrase_asks_nobody() {
    let key = fixed_key();
    let cipher = Cipher::aes_128_cbc();
    let pem = key.private().private_key_to_pem_pkcs8_passphrase(cipher, b"geheim").unwrap();
    assert!(matches!(NodeKey::from_pem(&pem), Err(BadKey::Unreadable)));
}

#[test]
fn other_texts_are_no_keys() {
    let public = fixed_key().private().public_key_to_pem().unwrap();
    let half = FIXED_KEY.get(..800).unwrap();
    for text in [b"".as_slice(), b"-----BEGIN PRIVATE KEY-----", &public, half, &[0xff; 100]] {
        assert!(matches!(NodeKey::from_pem(text), Err(BadKey::Unreadable)));
    }
}

#[test]
fn nothing_of_a_key_shows() {
    assert_eq!(format!("{:?}", fixed_key()), format!("NodeKey(NodeId({FIXED_ID}))"));
}
