//! Passwords as CouchDB 3.5 keeps them: a line of text each in the configuration, or members of a
//! document of `_users`. How they get there and who remembers the verified ones does not belong here.
//!
//! | text | members | derived from |
//! |---|---|---|
//! | `-pbkdf2:sha256-<derived>,<salt>,<iterations>` | `pbkdf2`, `pbkdf2_prf` | PBKDF2 (RFC 8018) with the HMAC named |
//! | `-pbkdf2-<derived>,<salt>,<iterations>` | `pbkdf2` | PBKDF2 with HMAC-SHA1: CouchDB before 3.4 |
//! | `-hashed-<digest>,<salt>` | `simple`, `password_sha` | SHA-1 of password and salt: CouchDB before 1.3 |
//! | `$argon2id$v=19$m=<KiB>,t=<iterations>,p=<lanes>$<salt>$<derived>` | `argon2id`, `memory_kib`, `lanes` | Argon2id (RFC 9106), which CouchDB does not know; as text in PHC's form, in base64 |
//!
//! `derived` is in hexadecimal digits; the salt goes into the derivation as the text it is. Argon2's, which
//! other programs take from random bytes, has to be text in UTF-8 too, since `_users` has it as a member.

mod phc;
mod stored;

pub use argon2::MIN_SALT_LEN;
pub use stored::{MOST_MEMORY_KIB, PasswordMembers, Recipe, StoredPassword};

use crate::CryptographyError;

/// More rounds than this are refused: one comparison would hold a thread for seconds.
pub const MOST_ITERATIONS: u32 = 10_000_000;

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The text is no hash that is known here. The text itself is a secret and is not told.
    #[error(
        "this is not a password hash known here: write the password in clear, it is hashed when the node reads it"
    )]
    UnknownForm,
    /// Argon2 could not do its work: it lacks memory.
    #[error("Argon2 failed: {0}")]
    Argon2(argon2::Error),
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
}

/// Whether `text` is a hash rather than a password in clear, by its beginning, as CouchDB decides it.
pub fn is_hash(text: &str) -> bool {
    ["-pbkdf2-", "-pbkdf2:", "-hashed-", "$argon2id$"]
        .iter()
        .any(|beginning| text.starts_with(beginning))
}

/// Hashes `password` with a new random salt of 128 bits, as text. Blocks for as long as the recipe wants.
///
/// # Errors
/// When the library underneath fails.
pub fn hash(password: &str, recipe: Recipe) -> Result<String, PasswordError> {
    Ok(StoredPassword::new(password, recipe)?.to_text())
}

/// Whether `password` is the one that `stored` was made from; compared in constant time. Blocks as
/// [`hash`] does.
///
/// # Errors
/// [`PasswordError`].
pub fn verify(password: &str, stored: &str) -> Result<bool, PasswordError> {
    StoredPassword::from_text(stored).ok_or(PasswordError::UnknownForm)?.matches(password)
}

/// Whether `stored` is a hash that [`verify`] can compare with; else nobody could ever log in with it.
///
/// # Errors
/// [`PasswordError::UnknownForm`].
pub fn check(stored: &str) -> Result<(), PasswordError> {
    StoredPassword::from_text(stored).map(|_| ()).ok_or(PasswordError::UnknownForm)
}

#[cfg(test)]
mod tests;
