//! A file system of the test's own, in a mount namespace that goes with its last process. The test
//! itself runs in one: it starts itself again there.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use refuge_tests::{Node, Options};
use tempfile::TempDir;

/// Set for the test's second start.
const INSIDE: &str = "REFUGE_TESTS_OWN_MOUNTS";

/// Written at once into the file that takes the room.
const STEP_BYTES: usize = 64 * 1024;

/// Whether this is the second start. At the first one the test `name` is started again in a namespace
/// of its own, and must succeed there.
pub fn entered(name: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    assert!(
        rustix::process::geteuid().is_root(),
        "mount namespaces are root's: run this test as root (sudo -E cargo test -p refuge-tests --test namespaces)"
    );
    let test = std::env::current_exe().expect("a test that is a file");
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--"])
        .arg(test)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "yes")
        .status()
        .expect("unshare, of util-linux");
    assert!(status.success(), "{name}, with a disk of its own: {status}");
    false
}

/// A small disk with a node on it.
pub struct Disk {
    mount: TempDir,
}

impl Disk {
    /// A disk of so many MiB.
    pub fn of(mib: u32) -> Self {
        let mount = tempfile::tempdir().expect("a temporary folder");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(mount.path())
            .status()
            .expect("mount, of util-linux");
        assert!(status.success(), "mount: {status}");
        Self { mount }
    }

    /// A node with its root on it.
    pub fn node(&self, options: Options) -> Node {
        let root = tempfile::tempdir_in(self.mount.path()).expect("a folder on the small disk");
        Node::start_under(Arc::new(root), options)
    }

    /// Bytes that are left.
    pub fn left(&self) -> u64 {
        let told = rustix::fs::statvfs(self.mount.path()).expect("a file system");
        told.f_bavail * told.f_frsize
    }

    /// Fills it until so many bytes are left; 0 until nothing more goes in.
    pub fn fill(&self, leave: u64) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.ballast())
            .expect("a file on the small disk");
        let zeros = vec![0; STEP_BYTES];
        while self.left() > leave {
            let step = zeros.len().min(usize::try_from(self.left() - leave).expect("a small disk"));
            if file.write_all(&zeros[..step]).is_err() {
                return;
            }
        }
    }

    /// Gives back all that [`Disk::fill`] took.
    pub fn empty(&self) {
        std::fs::remove_file(self.ballast()).expect("the file that takes the room");
    }

    fn ballast(&self) -> PathBuf {
        Path::new(self.mount.path()).join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A node may still hold it; the namespace ends with this process.
        Command::new("umount").arg("-l").arg(self.mount.path()).status().ok();
    }
}
