//! An identity in a directory: made once, kept, never replaced by accident.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::specimens::{ANNA, FIXED_ID, FIXED_KEY};

struct Place {
    top: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { top: TempDir::new().unwrap() }
    }

    fn directory(&self) -> PathBuf {
        self.top.path().join("var/identity")
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory().join(file)
    }

    fn load(&self) -> Result<Option<NodeIdentity>, IdentityError> {
        NodeIdentity::load(&self.directory())
    }

    fn create(&self) -> Result<NodeIdentity, IdentityError> {
        let options = CreateOptions { bits: 2048, name: "anna".to_owned() };
        NodeIdentity::create(&self.directory(), &options)
    }

    /// With the fixed key in it, so that none need be made.
    fn with_key(mode: u32) -> Self {
        let place = Self::new();
        fs::create_dir_all(place.directory()).unwrap();
        place.put(KEY_FILE, FIXED_KEY, mode);
        place
    }

    fn put(&self, file: &str, bytes: &[u8], mode: u32) {
        fs::write(self.path(file), bytes).unwrap();
        fs::set_permissions(self.path(file), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn mode(&self, file: &str) -> u32 {
        fs::metadata(self.path(file)).unwrap().permissions().mode() & 0o7777
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory()).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

#[test]
fn a_new_identity_is_kept_for_its_owner_alone() {
    let place = Place::new();
    assert!(place.load().unwrap().is_none());
    let made = place.create().unwrap();
    assert_eq!(place.files(), [CERTIFICATE_FILE, KEY_FILE]);
    assert_eq!((place.mode(KEY_FILE), place.mode(".")), (0o600, 0o700));
    let loaded = place.load().unwrap().unwrap();
    assert_eq!(loaded.id, made.id);
    assert_eq!(loaded.certificate().to_pem().unwrap(), made.certificate().to_pem().unwrap());
    made.certificate().check_peer().unwrap();
}

#[test]
fn a_creation_that_was_broken_off_is_completed_with_the_same_key() {
    let place = Place::with_key(0o600);
    assert!(place.load().unwrap().is_none());
    assert_eq!(place.create().unwrap().id.to_string(), FIXED_ID);
    assert_eq!(place.load().unwrap().unwrap().id.to_string(), FIXED_ID);
    assert_eq!(fs::read(place.path(KEY_FILE)).unwrap(), FIXED_KEY, "the key stays as it was");
}

#[test]
fn another_creation_renews_the_certificate_and_keeps_the_id() {
    let place = Place::with_key(0o600);
    let first = place.create().unwrap();
    let second = place.create().unwrap();
    assert_eq!(first.id, second.id);
    assert_ne!(first.certificate().to_pem().unwrap(), second.certificate().to_pem().unwrap());
}

#[test]
fn of_two_creations_at_once_one_key_stays() {
    let place = Place::new();
    let ids: Vec<NodeId> = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| place.create().unwrap().id));
        threads.map(|thread| thread.join().unwrap()).to_vec()
    });
    let kept = place.load().unwrap().unwrap();
    assert_eq!(ids, vec![kept.id; 4]);
    assert_eq!(place.files(), [CERTIFICATE_FILE, KEY_FILE]);
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    for mode in [0o644, 0o640, 0o660, 0o604, 0o610] {
        let place = Place::with_key(mode);
        for outcome in [place.load().map(|_| ()), place.create().map(|_| ())] {
            let error = outcome.unwrap_err();
            let told = error.to_string();
            assert!(matches!(error, IdentityError::Exposed { mode: found, .. } if found == mode));
            assert!(told.contains(&format!("mode {mode:o}")), "{told}");
        }
    }
}

#[test]
fn a_lost_key_is_not_replaced_in_silence() {
    let place = Place::with_key(0o600);
    place.create().unwrap();
    fs::remove_file(place.path(KEY_FILE)).unwrap();
    assert!(matches!(place.load(), Err(IdentityError::KeyMissing { .. })));
    assert!(matches!(place.create(), Err(IdentityError::KeyMissing { .. })));
    assert_eq!(place.files(), [CERTIFICATE_FILE]);
}

#[test]
fn key_and_certificate_belong_together() {
    let place = Place::with_key(0o600);
    place.put(CERTIFICATE_FILE, ANNA.certificate().to_pem().unwrap().as_bytes(), 0o644);
    assert!(matches!(place.load(), Err(IdentityError::Mismatch)));
}

#[test]
fn damaged_files_are_named_and_left_alone() {
    let place = Place::with_key(0o600);
    place.put(CERTIFICATE_FILE, b"-----BEGIN", 0o600);
    let error = place.load().unwrap_err();
    assert!(matches!(error, IdentityError::Certificate { .. }));
    assert!(error.to_string().contains(CERTIFICATE_FILE));
    place.put(KEY_FILE, &FIXED_KEY[..900], 0o600);
    for outcome in [place.load().map(|_| ()), place.create().map(|_| ())] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, IdentityError::Key { .. }));
        assert!(error.to_string().contains(KEY_FILE));
    }
    assert_eq!(fs::read(place.path(KEY_FILE)).unwrap(), &FIXED_KEY[..900]);
}

#[test]
fn a_giant_file_is_not_read() {
    let place = Place::with_key(0o600);
    place.put(KEY_FILE, &vec![b'x'; 70_000], 0o600);
    assert!(matches!(place.load(), Err(IdentityError::File { .. })));
}

#[test]
fn a_directory_that_cannot_be_is_an_error() {
    let place = Place::new();
    fs::write(place.top.path().join("var"), b"a file").unwrap();
    assert!(matches!(place.create(), Err(IdentityError::File { .. })));
}

#[test]
fn nothing_of_the_key_shows() {
    let shown = format!("{:?}", *ANNA);
    assert!(shown.contains(&ANNA.id.to_string()) && !shown.contains("PRIVATE"), "{shown}");
}
