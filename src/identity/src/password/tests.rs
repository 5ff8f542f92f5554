//! The forms of stored passwords, with the vectors of the RFCs.

use super::*;
use crate::HashAlgorithm;

/// RFC 6070: HMAC-SHA1 of "password" with salt "salt", 4,096 rounds.
const SHA1: &str = "-pbkdf2-4b007901b765489abead49d926f721d065a429c1,salt,4096";
/// RFC 7914, section 11: HMAC-SHA256 of "passwd" with salt "salt", 1 round, 64 bytes.
const SHA256: &str = "-pbkdf2:sha256-55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc\
    49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783,salt,1";

#[test]
fn the_vectors_of_the_rfcs_hold() {
    assert!(verify("password", SHA1).unwrap());
    assert!(!verify("Password", SHA1).unwrap());
    assert!(verify("passwd", SHA256).unwrap());
    assert!(!verify("passwd ", SHA256).unwrap());
}

#[test]
fn couchdbs_oldest_form_is_sha1_of_password_and_salt() {
    // SHA-1 of "abc" (FIPS 180-4), cut between password and salt.
    let stored = "-hashed-a9993e364706816aba3e25717850c26c9cd0d89d,c";
    assert!(verify("ab", stored).unwrap());
    assert!(!verify("abc", stored).unwrap());
}

#[test]
fn what_is_hashed_here_has_couchdbs_form_and_verifies() {
    let recipe = Recipe::Pbkdf2 { function: HashAlgorithm::Sha256, iterations: 10 };
    let stored = hash("pässword, with-marks", recipe).unwrap();
    assert!(is_hash(&stored) && check(&stored).is_ok());
    let rest = stored.strip_prefix("-pbkdf2:sha256-").unwrap();
    let parts: Vec<&str> = rest.split(',').collect();
    assert_eq!((parts[0].len(), parts[1].len(), parts[2]), (64, 32, "10"));
    assert!(verify("pässword, with-marks", &stored).unwrap());
    assert!(!verify("other", &stored).unwrap());
    assert_ne!(stored, hash("pässword, with-marks", recipe).unwrap());
}

/// From the reference implementation of Argon2, its test of version 0x13: "password" with "somesalt".
const ARGON2ID: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$\
    nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

#[test]
fn argon2id_has_the_form_that_other_programs_write() {
    assert!(is_hash(ARGON2ID) && check(ARGON2ID).is_ok());
    assert!(verify("password", ARGON2ID).unwrap());
    assert!(!verify("passwords", ARGON2ID).unwrap());
    let recipe = Recipe::Argon2id { memory_kib: 64, iterations: 1, lanes: 1 };
    let stored = hash("pässword", recipe).unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
    assert!(verify("pässword", &stored).unwrap() && !verify("", &stored).unwrap());
    for wrong in [
        "$argon2id$",
        "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=999999999,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$!!",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
        // Less than eight KiB a lane, a salt of seven bytes, and one that is no text.
        "$argon2id$v=19$m=31,t=2,p=4$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbA$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=1$//////////8$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    ] {
        assert!(check(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_form_is_read_as_it_is_written() {
    for recipe in [
        Recipe::Simple,
        Recipe::Pbkdf2 { function: HashAlgorithm::Sha1, iterations: 3 },
        Recipe::Pbkdf2 { function: HashAlgorithm::Sha512, iterations: 3 },
        Recipe::Argon2id { memory_kib: 64, iterations: 1, lanes: 1 },
    ] {
        let stored = StoredPassword::new("apple", recipe).unwrap();
        let read = StoredPassword::from_text(&stored.to_text()).expect("its own form");
        assert_eq!(read.recipe(), recipe);
        assert!(read.matches("apple").unwrap() && read.salt() == stored.salt());
    }
}

#[test]
fn what_is_no_hash_is_an_error_and_never_a_match() {
    let long = "0".repeat(64);
    let unknown = [
        "secret".to_owned(),
        String::new(),
        "-pbkdf2-".to_owned(),
        "-pbkdf2-,salt,1".to_owned(),
        "-pbkdf2-00,salt,1".to_owned(),
        format!("-pbkdf2:md5-{long},salt,1"),
        format!("-pbkdf2:sha256-{long},salt"),
        format!("-pbkdf2:sha256-{long},salt,0"),
        format!("-pbkdf2:sha256-{long},salt,4000000000"),
        format!("-pbkdf2:sha256-{}zz,salt,1", "0".repeat(62)),
        format!("-pbkdf2:sha256-{}ä,salt,1", "0".repeat(62)),
        format!("-hashed-{long},salt"),
    ];
    for text in unknown {
        let outcome = verify("", &text);
        assert!(matches!(outcome, Err(PasswordError::UnknownForm)), "{text}: {outcome:?}");
        assert!(matches!(check(&text), Err(PasswordError::UnknownForm)), "{text}");
    }
    assert!(!is_hash("secret") && !is_hash("-secret"));
}

/// Prints what a hash costs here; run with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a check"]
fn the_price_of_a_hash() {
    let begun = std::time::Instant::now();
    let (function, iterations) = (HashAlgorithm::Sha256, 100_000);
    hash("password", Recipe::Pbkdf2 { function, iterations }).unwrap();
    eprintln!("{iterations} iterations: {:?}", begun.elapsed());
}

#[test]
fn members_of_every_scheme_verify_and_are_read_again() {
    let recipes = [
        Recipe::Simple,
        Recipe::Pbkdf2 { function: HashAlgorithm::Sha1, iterations: 10 },
        Recipe::Pbkdf2 { function: HashAlgorithm::Sha512, iterations: 10 },
        Recipe::Argon2id { memory_kib: 64, iterations: 1, lanes: 1 },
    ];
    for recipe in recipes {
        let members = StoredPassword::new("apple", recipe).unwrap().members();
        let stored = StoredPassword::from_members(&members).expect("a known form");
        assert_eq!(stored.recipe(), recipe);
        assert_eq!(stored.salt(), members.salt);
        assert!(stored.matches("apple").unwrap(), "{recipe:?}");
        assert!(!stored.matches("apples").unwrap(), "{recipe:?}");
    }
}

#[test]
fn what_a_document_asks_for_is_bounded() {
    let argon2id = |memory_kib, iterations, lanes| PasswordMembers {
        scheme: "argon2id".to_owned(),
        iterations: Some(iterations),
        memory_kib: Some(memory_kib),
        lanes: Some(lanes),
        derived_key: "0".repeat(64),
        salt: "saltsalt".to_owned(),
        ..PasswordMembers::default()
    };
    assert!(StoredPassword::from_members(&argon2id(64, 1, 1)).is_some());
    for (memory_kib, iterations, lanes) in [(u32::MAX, 1, 1), (64, u32::MAX, 1), (64, 1, 1_000)] {
        let read = StoredPassword::from_members(&argon2id(memory_kib, iterations, lanes));
        assert!(read.is_none(), "{memory_kib} {iterations} {lanes}");
    }
    let pbkdf2 = PasswordMembers {
        scheme: "pbkdf2".to_owned(),
        iterations: Some(MOST_ITERATIONS + 1),
        derived_key: "0".repeat(64),
        ..PasswordMembers::default()
    };
    assert!(StoredPassword::from_members(&pbkdf2).is_none());
}

/// RFC 9106, section 5.3, has keys and data that nobody sets here; this one is of the reference
/// implementation's tests: Argon2id, version 19, 2 rounds, 64 MiB, 1 lane.
#[test]
fn the_vector_of_argon2id_holds() {
    let members = PasswordMembers {
        scheme: "argon2id".to_owned(),
        iterations: Some(2),
        memory_kib: Some(65_536),
        lanes: Some(1),
        derived_key: "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7".to_owned(),
        salt: "somesalt".to_owned(),
        ..PasswordMembers::default()
    };
    assert!(StoredPassword::from_members(&members).unwrap().matches("password").unwrap());
}
