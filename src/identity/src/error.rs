//! What can go wrong inside the library underneath.

/// OpenSSL could not do its work: it lacks randomness, memory or an algorithm.
#[derive(Debug, thiserror::Error)]
#[error("OpenSSL failed: {0}")]
pub struct CryptographyError(#[from] openssl::error::ErrorStack);
