//! All that rests on cryptography, and the only crate that knows OpenSSL: passwords, randomness,
//! keyed digests, TLS for outgoing connections. Who may do what is not decided here, and nothing here
//! speaks HTTP. Functions that take long (hashing) block: call them off the handlers.

mod comparison;
mod error;
mod mac;
pub mod password;
mod random;
pub mod tls;

pub use comparison::constant_time_equal;
pub use error::CryptographyError;
pub use mac::MacKey;
pub use random::{random_bytes, token};
