//! Where the release that runs lies, and what lies beside it. A release is laid out as Erlang's are:
//! `releases/VERSION/` holds what a version consists of, `releases/start_erl.data` names the runtime's
//! version and the release's, in two words, and `bin/refuge` starts what that says.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The folder that holds the versions.
const RELEASES: &str = "releases";
/// Names the version that starts.
const START: &str = "start_erl.data";
/// What is told where there are no versions.
pub(crate) const NO_RELEASE: &str =
    "this program is no part of a release: start bin/refuge of an unpacked tarball";

/// The version of the release that runs, or that of the program where it runs outside of one.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    Release::running().map_or_else(|| env!("CARGO_PKG_VERSION").to_owned(), |one| one.version)
});

/// A version that runs out of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    /// What `releases` lies in.
    pub(crate) root: PathBuf,
    /// The folder's name below `releases`, which is what the version is called.
    pub(crate) version: String,
}

impl Release {
    /// The one that this program belongs to.
    pub(crate) fn running() -> Option<Self> {
        Self::of(&std::env::current_exe().ok()?)
    }

    /// The program of a version beside this one.
    pub(crate) fn program(&self, version: &str) -> PathBuf {
        self.root.join(RELEASES).join(version).join("refuge")
    }

    /// Makes a version the one that starts from now on. The first word is the version of the build, which the
    /// version's own program tells.
    pub(crate) fn start_with(&self, version: &str) -> io::Result<()> {
        let path = self.root.join(RELEASES).join(START);
        let former = fs::read_to_string(&path).unwrap_or_default();
        let build = former.split_whitespace().next().unwrap_or(env!("CARGO_PKG_VERSION"));
        let new = path.with_extension("new");
        fs::write(&new, format!("{build} {version}\n"))?;
        fs::File::open(&new)?.sync_all()?;
        fs::rename(&new, &path)?;
        fs::File::open(self.root.join(RELEASES))?.sync_all()
    }

    /// The one that a program belongs to: `ROOT/releases/VERSION/refuge`.
    fn of(program: &Path) -> Option<Self> {
        let folder = program.parent()?;
        let releases = folder.parent()?;
        if releases.file_name() != Some(OsStr::new(RELEASES)) {
            return None;
        }
        let version = folder.file_name()?.to_str()?.to_owned();
        Some(Self { root: releases.parent()?.to_owned(), version })
    }
}

/// The versions that lie under a root, and which of them starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    /// In the order of their names.
    pub(crate) all: Vec<String>,
    /// The one that starts.
    pub(crate) permanent: Option<String>,
}

impl Versions {
    /// Those under `root`; none where no release lies there.
    pub(crate) fn under(root: &Path) -> io::Result<Self> {
        let releases = root.join(RELEASES);
        let entries = match fs::read_dir(&releases) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            entries => entries?,
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry?;
            // What begins with a dot is being unpacked.
            let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'));
            if entry.path().join("refuge").is_file() {
                all.extend(name);
            }
        }
        all.sort();
        let start = fs::read_to_string(releases.join(START)).unwrap_or_default();
        let permanent = start.split_whitespace().nth(1).map(str::to_owned);
        Ok(Self { all, permanent })
    }

    /// Whether a version is among these, which lie under `root`; else a sentence that says so. A path is none
    /// of them, since these are names of folders.
    pub(crate) fn hold(&self, root: &Path, version: &str) -> Result<(), String> {
        if self.all.iter().any(|one| one == version) {
            return Ok(());
        }
        Err(format!(
            "version {version} is not unpacked in {}; there are: {}",
            root.join(RELEASES).display(),
            self.all.join(", ")
        ))
    }
}

/// Whether the program that runs can go on as a version, as the console asks; else a sentence.
pub(crate) fn may_upgrade(version: &str) -> Result<(), String> {
    let release = Release::running().ok_or_else(|| NO_RELEASE.to_owned())?;
    let found = Versions::under(&release.root);
    let found = found.map_err(|error| format!("{}: {error}", release.root.display()))?;
    found.hold(&release.root, version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_knows_its_release_by_its_place() {
        let release = Release::of(Path::new("/opt/refuge/releases/1.2.0/refuge")).unwrap();
        assert_eq!((release.root.to_str(), &*release.version), (Some("/opt/refuge"), "1.2.0"));
        assert_eq!(Release::of(Path::new("/home/anna/target/debug/refuge")), None);
    }

    #[test]
    fn versions_are_those_that_hold_a_program() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Versions::under(root.path()).unwrap(), Versions::default());
        for version in ["1.0.0", "0.9.0", "empty", ".unpacking"] {
            fs::create_dir_all(root.path().join(RELEASES).join(version)).unwrap();
        }
        for version in ["1.0.0", "0.9.0", ".unpacking"] {
            fs::write(root.path().join(RELEASES).join(version).join("refuge"), "").unwrap();
        }
        fs::write(root.path().join(RELEASES).join(START), "0.1.0 0.9.0\n").unwrap();
        let found = Versions::under(root.path()).unwrap();
        assert_eq!(found.all, ["0.9.0", "1.0.0"]);
        assert_eq!(found.permanent.as_deref(), Some("0.9.0"));
        assert_eq!(found.hold(root.path(), "1.0.0"), Ok(()));
        for absent in ["1.0.1", "../releases/1.0.0", ".unpacking", ""] {
            let told = found.hold(root.path(), absent).unwrap_err();
            assert!(told.ends_with("there are: 0.9.0, 1.0.0"), "{told}");
        }
    }
}
