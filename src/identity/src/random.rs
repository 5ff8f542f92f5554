//! Randomness that nobody can guess.

use crate::CryptographyError;

/// Bytes of randomness in a token: 192 bits, more than the 128 that guessing cannot reach, and a
/// multiple of 3, so that base64 needs no padding.
const TOKEN_BYTES: usize = 24;

/// `N` random bytes from the system's generator.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], CryptographyError> {
    let mut bytes = [0; N];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(bytes)
}

/// A secret of 192 bits for a URL: 32 characters of `A-Z a-z 0-9 - _` (RFC 4648, section 5).
pub fn token() -> Result<String, CryptographyError> {
    let bytes = random_bytes::<TOKEN_BYTES>()?;
    Ok(openssl::base64::encode_block(&bytes).replace('+', "-").replace('/', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_fit_a_url_and_differ() {
        let tokens: std::collections::BTreeSet<String> =
            (0..100).map(|_| token().unwrap()).collect();
        assert_eq!(tokens.len(), 100);
        for token in tokens {
            assert_eq!(token.len(), 32);
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            assert!(token.chars().all(fits), "{token}");
        }
    }
}
