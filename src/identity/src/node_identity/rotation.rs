//! The next identity of a node: made beside the present one while the node goes on, and taken at the start
//! of the next process. Each step may be broken off and done again.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use refuge_mesh::{Claims, NodeId, Statement, StatementContent};
use serde_json::Value;

use super::{CERTIFICATE_FILE, CreateOptions, IdentityError, KEY_FILE, NodeIdentity, files};
use crate::{Certificate, NodeKey, sign_rotation};

/// Where the next identity waits.
const NEXT: &str = "next";
/// What the directory is called in which the next identity is made.
const MAKING: &str = ".next-";
/// The statements by which this identity follows earlier ones, the oldest first. Of `next` it is moved last
/// and removed first: whatever is there without it is of no use.
const ROTATIONS_FILE: &str = "rotations.json";
/// Earlier identities by which a node is still found: who has not heard of ten is paired anew.
const MOST_ROTATIONS: usize = 10;
/// Held while one next identity takes the place of another: a thread that makes one may outlive its owner.
static REPLACING: Mutex<()> = Mutex::new(());
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

impl NodeIdentity {
    /// Makes the identity that follows this one, to be [taken](Self::take_next) by the next process. Blocks
    /// for as long as making a key. Of two made side by side one waits then, whole.
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
        let (pem, statements) = (certificate.to_pem()?, Value::Array(all).to_string());
        let next = directory.join(NEXT);
        let contents: [(&str, &[u8]); 3] = [
            (KEY_FILE, &key.to_pem()?),
            (CERTIFICATE_FILE, pem.as_bytes()),
            (ROTATIONS_FILE, statements.as_bytes()),
        ];
        let _alone = REPLACING.lock().unwrap_or_else(PoisonError::into_inner);
        forget_next(&next)?;
        files::write_directory(&next, MAKING, &contents)?;
        Ok(key.id())
    }

    /// Takes the next identity, where one waits whole in `directory`: once, before this process is anybody.
    ///
    /// # Errors
    /// [`IdentityError`]; where the next identity cannot be used, the present one is as it was.
    pub fn take_next(directory: &Path) -> Result<(), IdentityError> {
        files::remove_directories(directory, MAKING)?;
        if directory.join(NEXT).join(ROTATIONS_FILE).exists() {
            check_next(directory)?;
            move_next(directory)?;
        }
        Ok(())
    }

    /// The statements by which this identity follows earlier ones, the oldest first.
    #[must_use]
    pub fn rotations(&self) -> &[Statement] {
        &self.rotations
    }
}

/// Goes on with what [`NodeIdentity::take_next`] began: the key is moved first.
pub(super) fn go_on(directory: &Path) -> Result<(), IdentityError> {
    let next = directory.join(NEXT);
    if next.join(ROTATIONS_FILE).exists() && !next.join(KEY_FILE).exists() {
        check_next(directory)?;
        move_next(directory)?;
    }
    Ok(())
}

/// Whether all of the next identity is there and belongs together, so that nothing is overwritten for one
/// that cannot be used. What was moved already is looked at where it is.
fn check_next(directory: &Path) -> Result<(), IdentityError> {
    let next = directory.join(NEXT);
    let place = |file: &str| match next.join(file) {
        waiting if waiting.exists() => waiting,
        _ => directory.join(file),
    };
    let wrong = |reason: &str| IdentityError::Rotation(format!("{}: {reason}", next.display()));
    let path = place(KEY_FILE);
    let key = super::read_key(&path)?.ok_or(IdentityError::KeyMissing { path })?;
    let path = place(CERTIFICATE_FILE);
    let pem = files::read(&path)?.ok_or_else(|| wrong("the certificate is missing"))?;
    let certificate = Certificate::from_pem(&pem)
        .and_then(|certificate| certificate.check_peer())
        .map_err(|source| IdentityError::Certificate { path, source })?;
    let rotations = read(&next)?;
    let subject = rotations.last().map(|rotation| rotation.claims().subject);
    if certificate != key.id() || subject != Some(key.id()) {
        return Err(wrong("its files do not belong together: remove it and rotate anew"));
    }
    Ok(())
}

fn move_next(directory: &Path) -> Result<(), IdentityError> {
    let next = directory.join(NEXT);
    for file in [KEY_FILE, CERTIFICATE_FILE, ROTATIONS_FILE] {
        files::rename(&next.join(file), &directory.join(file))?;
    }
    files::remove_directory(&next)
}

/// Without its statements, which go first, what is left of it is of no use.
fn forget_next(next: &Path) -> Result<(), IdentityError> {
    files::remove(&next.join(ROTATIONS_FILE))?;
    files::remove_directory(next)
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

    /// As a process begins.
    fn start(directory: &Path) -> NodeIdentity {
        NodeIdentity::take_next(directory).unwrap();
        load(directory)
    }

    fn with_next(directory: &Path) -> (NodeIdentity, NodeId) {
        let first = NodeIdentity::create(directory, &options()).unwrap();
        let second = first.prepare_rotation(directory, &options(), NOW_MS).unwrap();
        (first, second)
    }

    #[test]
    fn the_next_identity_is_taken_at_the_next_start_and_says_whom_it_follows() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("identity");
        let (first, second) = with_next(&directory);
        assert_ne!(second, first.id);
        assert_eq!(load(&directory).id, first.id, "this process is who it is");
        let loaded = start(&directory);
        assert_eq!((loaded.id, load(&directory).id), (second, second));
        let [rotation] = loaded.rotations() else { panic!("one statement") };
        assert_eq!(rotation.claims().subject, second);
        check_statement(rotation, &first.key().public().unwrap()).unwrap();
        let third = loaded.prepare_rotation(&directory, &options(), NOW_MS + 1).unwrap();
        let loaded = start(&directory);
        assert_eq!((loaded.id, loaded.rotations().len()), (third, 2));
        assert!(!directory.join(NEXT).exists());
    }

    #[test]
    fn a_rotation_that_is_broken_off_at_any_step_is_finished() {
        let files = [KEY_FILE, CERTIFICATE_FILE, ROTATIONS_FILE];
        for done in 0..=files.len() {
            let root = tempfile::tempdir().unwrap();
            let directory = root.path().join("identity");
            let (first, second) = with_next(&directory);
            for file in &files[..done] {
                std::fs::rename(directory.join(NEXT).join(file), directory.join(file)).unwrap();
            }
            // An actor that is restarted goes on with what was begun and begins nothing.
            let expected = if done == 0 { first.id } else { second };
            assert_eq!(load(&directory).id, expected, "{done} files were moved");
            let started = start(&directory);
            assert_eq!((started.id, started.rotations().len()), (second, 1), "{done}");
        }
    }

    #[test]
    fn what_is_left_of_an_identity_that_was_being_made_or_forgotten_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("identity");
        let (first, _) = with_next(&directory);
        let next = directory.join(NEXT);
        let making = directory.join(format!("{MAKING}abc"));
        std::fs::rename(&next, &making).unwrap();
        assert_eq!(start(&directory).id, first.id);
        assert!(!making.exists(), "a key that nobody has is not left lying about");
        first.prepare_rotation(&directory, &options(), NOW_MS).unwrap();
        for file in [ROTATIONS_FILE, KEY_FILE, CERTIFICATE_FILE] {
            std::fs::remove_file(next.join(file)).unwrap();
            assert_eq!(start(&directory).id, first.id, "without {file}");
        }
        let again = first.prepare_rotation(&directory, &options(), NOW_MS).unwrap();
        assert_eq!(start(&directory).id, again);
    }

    #[test]
    fn a_next_identity_that_cannot_be_used_overwrites_nothing() {
        for file in [KEY_FILE, CERTIFICATE_FILE, ROTATIONS_FILE] {
            let root = tempfile::tempdir().unwrap();
            let directory = root.path().join("identity");
            let (first, _) = with_next(&directory);
            std::fs::write(directory.join(NEXT).join(file), "[]").unwrap();
            NodeIdentity::take_next(&directory).unwrap_err();
            assert_eq!(load(&directory).id, first.id, "{file}");
        }
    }

    #[test]
    fn of_two_rotations_at_once_one_waits_whole() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("identity");
        let first = NodeIdentity::create(&directory, &options()).unwrap();
        let made: Vec<NodeId> = std::thread::scope(|scope| {
            let prepare = || first.prepare_rotation(&directory, &options(), NOW_MS).ok();
            let all: Vec<_> = (0..4).map(|_| scope.spawn(prepare)).collect();
            all.into_iter().filter_map(|one| one.join().unwrap()).collect()
        });
        let taken = start(&directory);
        assert_eq!(made.len(), 4);
        assert!(made.contains(&taken.id), "{made:?}");
        assert_eq!(taken.rotations().len(), 1);
    }
}
