//! One stored password, taken apart: how it was derived, and whether another is the same.

use openssl::hash::MessageDigest;

use super::{MOST_ITERATIONS, PasswordError, phc};
use crate::{CryptographyError, HashAlgorithm, constant_time_equal, hexadecimal, random_bytes};

/// Bytes of a SHA-1 digest: no stored digest may be shorter, else it would be easy to meet.
const LEAST_DERIVED_BYTES: usize = 20;

/// Bytes of a SHA-512 digest, the longest that CouchDB stores.
const MOST_DERIVED_BYTES: usize = 64;

/// Memory (in KiB), rounds and lanes of Argon2 that are taken from a document at most: one comparison
/// would else take all memory, or seconds.
pub const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_ROUNDS: u32 = 64;
const MOST_LANES: u32 = 16;

/// Bytes that Argon2 is asked for.
const ARGON2_BYTES: usize = 32;

/// How a password is to be hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// SHA-1 of password and salt; for databases that old programs read.
    Simple,
    /// PBKDF2.
    Pbkdf2 {
        /// Whose HMAC.
        function: HashAlgorithm,
        /// Rounds.
        iterations: u32,
    },
    /// Argon2id.
    Argon2id {
        /// KiB of memory.
        memory_kib: u32,
        /// Rounds.
        iterations: u32,
        /// Lanes.
        lanes: u32,
    },
}

/// What a document of `_users` says of its password. No `Debug`: these are secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PasswordMembers {
    /// `password_scheme`; `simple` where there is none.
    pub scheme: String,
    /// `pbkdf2_prf`; `sha` where there is none.
    pub function: Option<String>,
    /// `iterations`.
    pub iterations: Option<u32>,
    /// `memory_kib`, of Argon2 alone.
    pub memory_kib: Option<u32>,
    /// `lanes`, of Argon2 alone.
    pub lanes: Option<u32>,
    /// `derived_key`, or `password_sha` of the simple scheme.
    pub derived_key: String,
    /// `salt`.
    pub salt: String,
}

/// A stored password. No `Debug`: it is a secret.
#[derive(Clone)]
pub struct StoredPassword {
    recipe: Recipe,
    derived: Vec<u8>,
    salt: String,
}

impl StoredPassword {
    /// Hashes a password with a new random salt of 128 bits. Blocks for as long as the recipe wants.
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn new(password: &str, recipe: Recipe) -> Result<Self, PasswordError> {
        Self::with_salt(password, recipe, &hexadecimal(&random_bytes::<16>()?))
    }

    /// Hashes a password with a salt that is there already. Blocks for as long as the recipe wants.
    ///
    /// # Errors
    /// When the library underneath fails, and where the salt is too short for the recipe.
    pub fn with_salt(password: &str, recipe: Recipe, salt: &str) -> Result<Self, PasswordError> {
        let length = match recipe {
            Recipe::Simple => LEAST_DERIVED_BYTES,
            Recipe::Pbkdf2 { function, .. } => function.digest().size(),
            Recipe::Argon2id { .. } => ARGON2_BYTES,
        };
        let derived = recipe.derive(password, salt, length)?;
        Ok(Self { recipe, derived, salt: salt.to_owned() })
    }

    /// Reads a line of the configuration; `None` where it is no hash that is known here.
    pub fn from_text(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix("-hashed-") {
            let (derived, salt) = rest.split_once(',')?;
            return Self::simple(derived, salt);
        }
        if text.starts_with(phc::PREFIX) {
            let phc::Argon2Text { memory_kib, iterations, lanes, salt, derived } = phc::read(text)?;
            let recipe = Recipe::Argon2id { memory_kib, iterations, lanes };
            return Self::checked(recipe, derived, salt);
        }
        let rest = text.strip_prefix("-pbkdf2")?;
        let (function, rest) = match rest.strip_prefix(':') {
            Some(named) => named.split_once('-')?,
            None => ("sha", rest.strip_prefix('-')?),
        };
        let (derived, rest) = rest.split_once(',')?;
        let (salt, iterations) = rest.split_once(',')?;
        let iterations = iterations.trim().parse().ok()?;
        let function = HashAlgorithm::named(function)?;
        Self::checked(Recipe::Pbkdf2 { function, iterations }, bytes(derived)?, salt.to_owned())
    }

    /// The line of the configuration that [`from_text`](Self::from_text) reads.
    pub fn to_text(&self) -> String {
        let (derived, salt) = (hexadecimal(&self.derived), &self.salt);
        match self.recipe {
            Recipe::Simple => format!("-hashed-{derived},{salt}"),
            Recipe::Pbkdf2 { function: HashAlgorithm::Sha1, iterations } => {
                format!("-pbkdf2-{derived},{salt},{iterations}")
            }
            Recipe::Pbkdf2 { function, iterations } => {
                format!("-pbkdf2:{}-{derived},{salt},{iterations}", function.name())
            }
            Recipe::Argon2id { memory_kib, iterations, lanes } => phc::write(&phc::Argon2Text {
                memory_kib,
                iterations,
                lanes,
                salt: salt.clone(),
                derived: self.derived.clone(),
            }),
        }
    }

    /// Reads the members of a document; `None` where they are none that are known here.
    pub fn from_members(members: &PasswordMembers) -> Option<Self> {
        let recipe = match members.scheme.as_str() {
            "simple" | "" => return Self::simple(&members.derived_key, &members.salt),
            "pbkdf2" => Recipe::Pbkdf2 {
                function: HashAlgorithm::named(members.function.as_deref().unwrap_or("sha"))?,
                // What CouchDB takes where there are none.
                iterations: members.iterations.unwrap_or(10_000),
            },
            "argon2id" => Recipe::Argon2id {
                memory_kib: members.memory_kib?,
                iterations: members.iterations?,
                lanes: members.lanes?,
            },
            _ => return None,
        };
        Self::checked(recipe, bytes(&members.derived_key)?, members.salt.clone())
    }

    fn simple(derived: &str, salt: &str) -> Option<Self> {
        let found = Self::checked(Recipe::Simple, bytes(derived)?, salt.to_owned())?;
        (found.derived.len() == LEAST_DERIVED_BYTES).then_some(found)
    }

    /// None where it could not be compared with: out of bounds, or nothing that Argon2 takes.
    fn checked(recipe: Recipe, derived: Vec<u8>, salt: String) -> Option<Self> {
        let is_digest = (LEAST_DERIVED_BYTES..=MOST_DERIVED_BYTES).contains(&derived.len());
        let is_whole = is_digest && recipe.is_bounded() && salt.len() >= recipe.least_salt();
        is_whole.then_some(Self { recipe, derived, salt })
    }

    /// The members that a document has for it.
    pub fn members(&self) -> PasswordMembers {
        let members = PasswordMembers {
            derived_key: hexadecimal(&self.derived),
            salt: self.salt.clone(),
            ..PasswordMembers::default()
        };
        match self.recipe {
            Recipe::Simple => PasswordMembers { scheme: "simple".to_owned(), ..members },
            Recipe::Pbkdf2 { function, iterations } => PasswordMembers {
                scheme: "pbkdf2".to_owned(),
                function: Some(function.name().to_owned()),
                iterations: Some(iterations),
                ..members
            },
            Recipe::Argon2id { memory_kib, iterations, lanes } => PasswordMembers {
                scheme: "argon2id".to_owned(),
                iterations: Some(iterations),
                memory_kib: Some(memory_kib),
                lanes: Some(lanes),
                ..members
            },
        }
    }

    /// Whether `password` is the one that it was made from; compared in constant time. Blocks.
    ///
    /// # Errors
    /// When the library underneath fails.
    pub fn matches(&self, password: &str) -> Result<bool, PasswordError> {
        let derived = self.recipe.derive(password, &self.salt, self.derived.len())?;
        Ok(constant_time_equal(&derived, &self.derived))
    }

    /// The salt: another one after each change of the password.
    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// How it was made.
    pub fn recipe(&self) -> Recipe {
        self.recipe
    }
}

impl Recipe {
    /// Bytes of memory that one hash takes for a while, in KiB.
    pub fn memory_kib(self) -> u32 {
        match self {
            Self::Simple | Self::Pbkdf2 { .. } => 0,
            Self::Argon2id { memory_kib, .. } => memory_kib,
        }
    }

    fn is_bounded(self) -> bool {
        match self {
            Self::Simple => true,
            Self::Pbkdf2 { iterations, .. } => (1..=MOST_ITERATIONS).contains(&iterations),
            Self::Argon2id { memory_kib, iterations, lanes } => {
                (1..=MOST_LANES).contains(&lanes)
                    && (argon2::Params::MIN_M_COST * lanes..=MOST_MEMORY_KIB).contains(&memory_kib)
                    && (1..=MOST_ROUNDS).contains(&iterations)
            }
        }
    }

    /// Bytes of a salt below which there is no such hash.
    fn least_salt(self) -> usize {
        match self {
            Self::Simple | Self::Pbkdf2 { .. } => 0,
            Self::Argon2id { .. } => argon2::MIN_SALT_LEN,
        }
    }

    fn derive(self, password: &str, salt: &str, length: usize) -> Result<Vec<u8>, PasswordError> {
        let mut derived = vec![0; length];
        match self {
            Self::Simple => {
                let mut hasher = openssl::sha::Sha1::new();
                hasher.update(password.as_bytes());
                hasher.update(salt.as_bytes());
                derived = hasher.finish().to_vec();
            }
            Self::Pbkdf2 { function, iterations } => {
                pbkdf2(password, salt, iterations, function.digest(), &mut derived)?;
            }
            Self::Argon2id { memory_kib, iterations, lanes } => {
                let parameters = argon2::Params::new(memory_kib, iterations, lanes, Some(length));
                let parameters = parameters.map_err(PasswordError::Argon2)?;
                let version = argon2::Version::V0x13;
                argon2::Argon2::new(argon2::Algorithm::Argon2id, version, parameters)
                    .hash_password_into(password.as_bytes(), salt.as_bytes(), &mut derived)
                    .map_err(PasswordError::Argon2)?;
            }
        }
        Ok(derived)
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

/// Bytes of a digest in hexadecimal digits.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok())
        .collect()
}
