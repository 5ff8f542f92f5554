//! Who this node is: its key and its certificate, made once and kept in a directory. When that is
//! done, and who is told, is not decided here. All of it blocks.

mod files;
mod rotation;

use std::io;
use std::path::{Path, PathBuf};

use refuge_mesh::{NodeId, Statement};

use crate::node_key::DEFAULT_KEY_BITS;
use crate::tls::mesh::MeshTls;
use crate::{BadCertificate, BadKey, Certificate, CryptographyError, NodeKey};

/// The private key, mode 0600.
const KEY_FILE: &str = "key.pem";
/// The certificate over it.
const CERTIFICATE_FILE: &str = "certificate.pem";

/// How a new identity is to be.
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// Bits of the key.
    pub bits: u32,
    /// What the certificate says that the node is called.
    pub name: String,
}

impl Default for CreateOptions {
    fn default() -> Self {
        Self { bits: DEFAULT_KEY_BITS, name: String::new() }
    }
}

/// Why there is no identity. No text holds anything of a key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file or the directory cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// Others than the owner may read the key.
    #[error(
        "{} has mode {mode:03o}, so others can read the node's key: set it to 600, or delete the \
         directory for a new identity if somebody may have read it",
        path.display()
    )]
    Exposed {
        /// The key's file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A certificate without its key.
    #[error(
        "{} is missing while its certificate is there: put it back, or delete the certificate for a \
         new identity",
        path.display()
    )]
    KeyMissing {
        /// Where the key should be.
        path: PathBuf,
    },
    /// The key's file holds none that can be used.
    #[error("{}: {source}", path.display())]
    Key {
        /// The key's file.
        path: PathBuf,
        /// What is wrong.
        source: BadKey,
    },
    /// The certificate's file holds none that others would accept.
    #[error("{}: {source}; delete it and the node issues another", path.display())]
    Certificate {
        /// The certificate's file.
        path: PathBuf,
        /// What is wrong.
        source: BadCertificate,
    },
    /// The statements of earlier identities cannot be read, or the next one not be signed.
    #[error("the rotation of the node's key: {0}")]
    Rotation(String),
    /// Key and certificate do not belong together.
    #[error("the certificate is over another key: delete it and the node issues another")]
    Mismatch,
    /// The key could not be made.
    #[error(transparent)]
    Making(#[from] BadKey),
    /// The library underneath failed.
    #[error(transparent)]
    Cryptography(#[from] CryptographyError),
}

/// A node's key and certificate. Clones share them; `Debug` shows the id alone.
#[derive(Clone, Debug)]
pub struct NodeIdentity {
    /// Who it is: the digest of the key.
    pub id: NodeId,
    key: NodeKey,
    certificate: Certificate,
    tls: MeshTls,
    rotations: Vec<Statement>,
}

impl NodeIdentity {
    /// A new one, kept nowhere.
    ///
    /// # Errors
    /// Sizes of keys that are not allowed, failures of the library underneath.
    pub fn generate(options: &CreateOptions) -> Result<Self, IdentityError> {
        let key = NodeKey::generate(options.bits)?;
        let certificate = Certificate::issue(&key, &options.name)?;
        Self::new(key, certificate)
    }

    /// Puts the two together.
    ///
    /// # Errors
    /// [`IdentityError::Mismatch`] when the certificate is over another key; failures of the library
    /// underneath.
    pub fn new(key: NodeKey, certificate: Certificate) -> Result<Self, IdentityError> {
        if key.id() != certificate.node_id() {
            return Err(IdentityError::Mismatch);
        }
        let tls = MeshTls::new(&key, &certificate)?;
        Ok(Self { id: key.id(), key, certificate, tls, rotations: Vec::new() })
    }

    /// The one kept in `directory`; `None` where there is none yet, or a key without a certificate:
    /// [`create`](Self::create) then makes what is missing. A next one that [`take_next`](Self::take_next)
    /// began to take is taken; one that only waits is not, since the node is who it is until it ends.
    ///
    /// # Errors
    /// [`IdentityError`] when what is there cannot be used. Nothing is changed.
    pub fn load(directory: &Path) -> Result<Option<Self>, IdentityError> {
        rotation::go_on(directory)?;
        let key_path = directory.join(KEY_FILE);
        let certificate_path = directory.join(CERTIFICATE_FILE);
        let key = read_key(&key_path)?;
        let Some(pem) = files::read(&certificate_path)? else { return Ok(None) };
        let key = key.ok_or(IdentityError::KeyMissing { path: key_path })?;
        let certificate = Certificate::from_pem(&pem)
            .and_then(|certificate| certificate.check_peer().map(|_| certificate))
            .map_err(|source| IdentityError::Certificate { path: certificate_path, source })?;
        let rotations = rotation::read(directory)?;
        Ok(Some(Self { rotations, ..Self::new(key, certificate)? }))
    }

    /// Makes what `directory` lacks and keeps it there: the directory, the key, a certificate. A key
    /// that is there stays, also one that somebody else put there meanwhile; a certificate that is
    /// there is replaced by a new one over the same key, so the id stays. May be broken off at any
    /// moment and done again.
    ///
    /// # Errors
    /// [`IdentityError`]; a key that cannot be used is never replaced.
    pub fn create(directory: &Path, options: &CreateOptions) -> Result<Self, IdentityError> {
        files::make_directory(directory)?;
        let key_path = directory.join(KEY_FILE);
        let certificate_path = directory.join(CERTIFICATE_FILE);
        let key = match read_key(&key_path)? {
            Some(key) => key,
            None if certificate_path.exists() => {
                return Err(IdentityError::KeyMissing { path: key_path });
            }
            None => make_key(&key_path, options.bits)?,
        };
        let certificate = Certificate::issue(&key, &options.name)?;
        files::replace(&certificate_path, certificate.to_pem()?.as_bytes())?;
        Self::new(key, certificate)
    }

    /// What makes connections to other nodes under this identity; made once, since that takes time.
    #[must_use]
    pub fn tls(&self) -> &MeshTls {
        &self.tls
    }

    /// The private key.
    #[must_use]
    pub fn key(&self) -> &NodeKey {
        &self.key
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }
}

fn read_key(path: &Path) -> Result<Option<NodeKey>, IdentityError> {
    let Some(pem) = files::read_secret(path)? else { return Ok(None) };
    let key = NodeKey::from_pem(&pem);
    key.map(Some).map_err(|source| IdentityError::Key { path: path.to_owned(), source })
}

fn make_key(path: &Path, bits: u32) -> Result<NodeKey, IdentityError> {
    let key = NodeKey::generate(bits)?;
    if files::write_new(path, &key.to_pem()?)? {
        return Ok(key);
    }
    // Another attempt, given up by its caller but still running, was quicker.
    read_key(path)?.ok_or_else(|| IdentityError::KeyMissing { path: path.to_owned() })
}

#[cfg(test)]
mod tests;
