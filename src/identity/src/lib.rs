//! All that rests on cryptography, and the only crate that knows OpenSSL: passwords, randomness,
//! keyed digests, the node's own key and certificate, TLS. Who may do what is not decided here, and
//! nothing here speaks HTTP. Functions that take long (hashing, making a key) block: call them off the
//! handlers.

mod certificate;
mod comparison;
mod error;
mod hashing;
mod mac;
mod node_identity;
mod node_key;
pub mod password;
mod random;
mod signature;
#[cfg(test)]
mod specimens;
mod statement;
pub mod tls;
mod token_signature;

pub use certificate::{BadCertificate, Certificate, MOST_CERTIFICATE_BYTES};
pub use comparison::constant_time_equal;
pub use error::CryptographyError;
pub use hashing::{HashAlgorithm, hexadecimal, sha256};
pub use mac::MacKey;
pub use node_identity::{CreateOptions, IdentityError, NodeIdentity};
pub use node_key::{BadKey, DEFAULT_KEY_BITS, LEAST_KEY_BITS, MOST_KEY_BITS, NodeKey};
pub use random::{random_bytes, token};
pub use signature::PublicKey;
pub use statement::{
    StatementError, UnprovedStatement, check_hub_record, check_statement, sign_rotation,
    sign_statement,
};
pub use token_signature::{TokenAlgorithm, TokenKey, TokenKeyError, TokenKeyKind};
