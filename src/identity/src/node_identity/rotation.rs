//! The next identity of a node: made beside the present one while the node goes on, and taken at the next
//! load. Each step may be broken off and done again.

use std::path::Path;

use refuge_mesh::{Claims, NodeId, Statement, StatementContent};
use serde_json::Value;

use super::{CERTIFICATE_FILE, CreateOptions, IdentityError, KEY_FILE, NodeIdentity, files};
use crate::{Certificate, NodeKey, sign_rotation};

/// Where the next identity waits.
const NEXT: &str = "next";
/// The statements by which this identity follows earlier ones, the oldest first. In `next` it is written
/// last: whatever is there without it is of no use.
const ROTATIONS_FILE: &str = "rotations.json";
/// Earlier identities by which a node is still found: who has not heard of ten is paired anew.
const MOST_ROTATIONS: usize = 10;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

impl NodeIdentity {
    /// Makes the identity that follows this one, to be taken when `directory` is loaded next. Blocks for as
    /// long as making a key.
    ///
    /// # Errors
    /// [`IdentityError`]; the present identity stays as it is.
    pub fn prepare_rotation(
        &self,
        directory: &Path,
        options: &CreateOptions,
        now_ms: u64,
    ) -> Result<NodeId, IdentityError> {
        let key = NodeKey::generate(options.bits)?;
        let certificate = Certificate::issue(&key, &options.name)?;
        let days = refuge_mesh::StatementKind::Rotation.most_days();
        let claims = Claims {
            issuer: self.id,
            subject: key.id(),
            audience: None,
            serial: now_ms,
            issued_ms: now_ms,
            expires_ms: now_ms + days * DAY_MS,
            content: StatementContent::Rotation { key: key.public()?.to_der()? },
        };
        let signed = sign_rotation((&self.key, &key), &claims);
        let signed = signed.map_err(|error| IdentityError::Rotation(error.to_string()))?;
        let earlier = self.rotations.iter().chain([&signed]);
        let skipped = (self.rotations.len() + 1).saturating_sub(MOST_ROTATIONS);
        let all: Vec<Value> = earlier.skip(skipped).map(Statement::to_json).collect();
        let next = directory.join(NEXT);
        files::remove_directory(&next)?;
        files::make_directory(&next)?;
        files::replace(&next.join(KEY_FILE), &key.to_pem()?)?;
        files::replace(&next.join(CERTIFICATE_FILE), certificate.to_pem()?.as_bytes())?;
        files::replace(&next.join(ROTATIONS_FILE), Value::Array(all).to_string().as_bytes())?;
        Ok(key.id())
    }

    /// The statements by which this identity follows earlier ones, the oldest first.
    #[must_use]
    pub fn rotations(&self) -> &[Statement] {
        &self.rotations
    }
}

/// Takes the next identity, where one waits whole.
pub(super) fn take_next(directory: &Path) -> Result<(), IdentityError> {
    let next = directory.join(NEXT);
    if !next.join(ROTATIONS_FILE).exists() {
        return Ok(());
    }
    for file in [KEY_FILE, CERTIFICATE_FILE, ROTATIONS_FILE] {
        files::rename(&next.join(file), &directory.join(file))?;
    }
    files::remove_directory(&next)
}

/// The statements that are kept in a directory.
pub(super) fn read(directory: &Path) -> Result<Vec<Statement>, IdentityError> {
    let path = directory.join(ROTATIONS_FILE);
    let Some(bytes) = files::read(&path)? else { return Ok(Vec::new()) };
    let wrong = |reason: String| IdentityError::Rotation(format!("{}: {reason}", path.display()));
    let all: Vec<Value> =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    all.iter()
        .map(|value| Statement::from_json(value).map_err(|error| wrong(error.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LEAST_KEY_BITS, check_statement};

    const NOW_MS: u64 = 1_800_000_000_000;

    fn options() -> CreateOptions {
        CreateOptions { bits: LEAST_KEY_BITS, name: "test".to_owned() }
    }

    fn load(directory: &Path) -> NodeIdentity {
        NodeIdentity::load(directory).unwrap().unwrap()
    }

    #[test]
    fn the_next_identity_is_taken_at_the_next_load_and_says_whom_it_follows() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("identity");
        let first = NodeIdentity::create(&directory, &options()).unwrap();
        let second = first.prepare_rotation(&directory, &options(), NOW_MS).unwrap();
        assert_ne!(second, first.id);
        let loaded = load(&directory);
        assert_eq!(loaded.id, second);
        let [rotation] = loaded.rotations() else { panic!("one statement") };
        assert_eq!(rotation.claims().subject, second);
        check_statement(rotation, &first.key().public().unwrap()).unwrap();
        let third = loaded.prepare_rotation(&directory, &options(), NOW_MS + 1).unwrap();
        let loaded = load(&directory);
        assert_eq!((loaded.id, loaded.rotations().len()), (third, 2));
        assert!(!directory.join(NEXT).exists());
    }

    #[test]
    fn a_rotation_that_is_broken_off_at_any_step_is_finished_or_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("identity");
        let first = NodeIdentity::create(&directory, &options()).unwrap();
        let next = directory.join(NEXT);
        first.prepare_rotation(&directory, &options(), NOW_MS).unwrap();
        std::fs::remove_file(next.join(ROTATIONS_FILE)).unwrap();
        assert_eq!(load(&directory).id, first.id, "what is not whole is not taken");
        let second = first.prepare_rotation(&directory, &options(), NOW_MS).unwrap();
        for done in [KEY_FILE, CERTIFICATE_FILE] {
            std::fs::rename(next.join(done), directory.join(done)).unwrap();
        }
        assert_eq!(load(&directory).id, second);
        assert_eq!(load(&directory).rotations().len(), 1);
    }
}
