//! Passwords as CouchDB 3.5 keeps them in its configuration, one line of text each. How they get
//! there and who remembers the verified ones does not belong here.
//!
//! | text | derived from |
//! |---|---|
//! | `-pbkdf2:sha256-<derived>,<salt>,<iterations>` | PBKDF2 (RFC 8018) with the HMAC named: what [`hash`] makes |
//! | `-pbkdf2-<derived>,<salt>,<iterations>` | PBKDF2 with HMAC-SHA1: CouchDB before 3.4 |
//! | `-hashed-<digest>,<salt>` | SHA-1 of password and salt: CouchDB before 1.3 |
//!
//! `derived` is in hexadecimal digits; the salt goes into the derivation as the text it is.

use openssl::hash::MessageDigest;

use crate::{CryptographyError, constant_time_equal, random_bytes};

/// Rounds of PBKDF2-SHA256 for new hashes unless the configuration says else: about 60 ms of one
/// core (measured on a 2-core cloud machine with OpenSSL 3.0), so that a stolen file costs its thief
/// dearly and a login nearly nothing.
pub const DEFAULT_ITERATIONS: u32 = 100_000;

/// More rounds than this are refused: one comparison would hold a thread for seconds.
pub const MOST_ITERATIONS: u32 = 10_000_000;

/// Bytes of a SHA-1 digest: no stored digest may be shorter, else it would be easy to meet.
const LEAST_DERIVED_BYTES: usize = 20;

/// Bytes of a SHA-512 digest, the longest that CouchDB stores.
const MOST_DERIVED_BYTES: usize = 64;

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The text is no hash that is known here. The text itself is a secret and is not told.
    #[error(
        "this is not a password hash known here: write the password in clear, it is hashed when the node reads it"
    )]
    UnknownForm,
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
}

/// Whether `text` is a hash rather than a password in clear, by its beginning, as CouchDB decides it.
pub fn is_hash(text: &str) -> bool {
    ["-pbkdf2-", "-pbkdf2:", "-hashed-"].iter().any(|beginning| text.starts_with(beginning))
}

/// Hashes `password` with a new random salt of 128 bits. Blocks: 6 ms for 10,000 iterations.
pub fn hash(password: &str, iterations: u32) -> Result<String, PasswordError> {
    let salt = hexadecimal(&random_bytes::<16>()?);
    let mut derived = [0; 32];
    pbkdf2(password, &salt, iterations, MessageDigest::sha256(), &mut derived)?;
    Ok(format!("-pbkdf2:sha256-{},{salt},{iterations}", hexadecimal(&derived)))
}

/// Whether `password` is the one that `stored` was made from; compared in constant time. Blocks as
/// [`hash`] does.
pub fn verify(password: &str, stored: &str) -> Result<bool, PasswordError> {
    let stored = Stored::parse(stored).ok_or(PasswordError::UnknownForm)?;
    Ok(stored.matches(password)?)
}

/// Whether `stored` is a hash that [`verify`] can compare with; else nobody could ever log in with it.
pub fn check(stored: &str) -> Result<(), PasswordError> {
    Stored::parse(stored).map(|_| ()).ok_or(PasswordError::UnknownForm)
}

/// A stored hash, taken apart.
struct Stored<'a> {
    derivation: Derivation,
    derived: Vec<u8>,
    salt: &'a str,
}

enum Derivation {
    Pbkdf2 { digest: MessageDigest, iterations: u32 },
    Sha1,
}

impl<'a> Stored<'a> {
    fn matches(&self, password: &str) -> Result<bool, CryptographyError> {
        let mut derived = vec![0; self.derived.len()];
        match self.derivation {
            Derivation::Pbkdf2 { digest, iterations } => {
                pbkdf2(password, self.salt, iterations, digest, &mut derived)?;
            }
            Derivation::Sha1 => {
                let mut hasher = openssl::sha::Sha1::new();
                hasher.update(password.as_bytes());
                hasher.update(self.salt.as_bytes());
                derived = hasher.finish().to_vec();
            }
        }
        Ok(constant_time_equal(&derived, &self.derived))
    }

    fn parse(text: &'a str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("-hashed-") {
            let (derived, salt) = rest.split_once(',')?;
            let derived = bytes(derived).filter(|derived| derived.len() == LEAST_DERIVED_BYTES)?;
            return Some(Self { derivation: Derivation::Sha1, derived, salt });
        }
        let rest = text.strip_prefix("-pbkdf2")?;
        let (function, rest) = match rest.strip_prefix(':') {
            Some(named) => named.split_once('-')?,
            None => ("sha", rest.strip_prefix('-')?),
        };
        let (derived, rest) = rest.split_once(',')?;
        let (salt, iterations) = rest.split_once(',')?;
        let iterations = iterations.trim().parse().ok()?;
        if !(1..=MOST_ITERATIONS).contains(&iterations) {
            return None;
        }
        let digest = digest(function)?;
        Some(Self {
            derivation: Derivation::Pbkdf2 { digest, iterations },
            derived: bytes(derived)?,
            salt,
        })
    }
}

/// CouchDB's `pbkdf2_prf` names.
fn digest(name: &str) -> Option<MessageDigest> {
    match name {
        "sha" => Some(MessageDigest::sha1()),
        "sha224" => Some(MessageDigest::sha224()),
        "sha256" => Some(MessageDigest::sha256()),
        "sha384" => Some(MessageDigest::sha384()),
        "sha512" => Some(MessageDigest::sha512()),
        _ => None,
    }
}

fn pbkdf2(
    password: &str,
    salt: &str,
    iterations: u32,
    digest: MessageDigest,
    derived: &mut [u8],
) -> Result<(), CryptographyError> {
    let iterations = usize::try_from(iterations).unwrap_or(usize::MAX);
    let (password, salt) = (password.as_bytes(), salt.as_bytes());
    openssl::pkcs5::pbkdf2_hmac(password, salt, iterations, digest, derived)?;
    Ok(())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of a digest in hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect();
    bytes.filter(|bytes| (LEAST_DERIVED_BYTES..=MOST_DERIVED_BYTES).contains(&bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let stored = hash("pässword, with-marks", 10).unwrap();
        assert!(is_hash(&stored) && check(&stored).is_ok());
        let rest = stored.strip_prefix("-pbkdf2:sha256-").unwrap();
        let parts: Vec<&str> = rest.split(',').collect();
        assert_eq!((parts[0].len(), parts[1].len(), parts[2]), (64, 32, "10"));
        assert!(verify("pässword, with-marks", &stored).unwrap());
        assert!(!verify("other", &stored).unwrap());
        assert_ne!(stored, hash("pässword, with-marks", 10).unwrap());
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

    /// Prints what the documented default costs here; run with `--ignored --nocapture`.
    #[test]
    #[ignore = "a measurement, not a check"]
    fn the_price_of_a_hash() {
        let begun = std::time::Instant::now();
        hash("password", DEFAULT_ITERATIONS).unwrap();
        eprintln!("{DEFAULT_ITERATIONS} iterations: {:?}", begun.elapsed());
    }
}
