//! `refuge upgrade FILE|VERSION` and `refuge downgrade VERSION`: another version of the release goes on where
//! the running one is, with its process, its sockets and its data.

mod unpack;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use refuge_config::Layout;
use refuge_console::Request;
use serde_json::Value;

use super::{Root, console, waiting};
use crate::exit::Failure;
use crate::release::{NO_RELEASE, Release, Versions};

/// Go on as another version: a tarball, which is unpacked beside the others, or a version that is there
#[derive(Debug, Args)]
pub(crate) struct Upgrade {
    /// The tarball, or the version
    wanted: PathBuf,
    #[command(flatten)]
    root: Root,
}

/// Go on as a version that is still unpacked
#[derive(Debug, Args)]
pub(crate) struct Downgrade {
    /// The version; `refuge versions` shows them
    version: String,
    #[command(flatten)]
    root: Root,
}

impl Upgrade {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let release = running()?;
        let is_file = self.wanted.is_file();
        let version = match is_file {
            true => unpack::unpack(&self.wanted, &release.root)?,
            false => self.wanted.to_string_lossy().into_owned(),
        };
        go_on(&release, &self.root.absolute()?, &version)
    }
}

impl Downgrade {
    pub(crate) fn run(self) -> Result<(), Failure> {
        go_on(&running()?, &self.root.absolute()?, &self.version)
    }
}

fn running() -> Result<Release, Failure> {
    Release::running().ok_or_else(|| Failure::Upgrade(NO_RELEASE.to_owned()))
}

/// Has the node go on as a version, and makes that the one that starts from now on.
fn go_on(release: &Release, root: &Path, version: &str) -> Result<(), Failure> {
    check(release, root, version)?;
    let session = console::Session::open(root)?;
    let before = session.request(&console::command("status"))?;
    if before.get("version").and_then(Value::as_str) == Some(version) {
        return Err(Failure::Upgrade(format!("version {version} runs already")));
    }
    let request = Request { command: "upgrade".to_owned(), arguments: vec![version.to_owned()] };
    session.request(&request)?;
    // The session ends with the tree that served it.
    session.ended(waiting::MOST);
    let after = waiting::until_up(root, |status| {
        let is = |member: &str| status.get(member) == before.get(member);
        // The new version, or the old one in another process: then it was taken back.
        !is("version") || !is("pid")
    })?;
    if after.get("version").and_then(Value::as_str) != Some(version) {
        let reason = format!("version {version} did not come up; the former one runs again");
        return Err(Failure::Upgrade(reason));
    }
    release
        .start_with(version)
        .map_err(|source| Failure::Directory { path: release.root.join("releases"), source })
}

/// Whether a version is there, runs on this machine, and reads what is on disk.
fn check(release: &Release, root: &Path, version: &str) -> Result<(), Failure> {
    let found = Versions::under(&release.root);
    let found =
        found.map_err(|source| Failure::Directory { path: release.root.clone(), source })?;
    found.hold(&release.root, version).map_err(Failure::Usage)?;
    let program = release.program(version);
    let told = Command::new(&program).arg("formats").output();
    let told = told.ok().filter(|told| told.status.success());
    let told = told.and_then(|told| serde_json::from_slice::<Value>(&told.stdout).ok());
    let reads = told.as_ref().and_then(|told| told.get("storage")?.as_u64());
    let Some(reads) = reads else {
        let reason = format!("{} does not run on this machine", program.display());
        return Err(Failure::Upgrade(reason));
    };
    let stored = refuge_storage::format_of(&Layout::new(root).data())?.unwrap_or(0);
    if reads < u64::from(stored) {
        let reason = format!(
            "version {version} reads data up to format {reads}, and the data has format {stored}: \
             restore a backup that it made instead"
        );
        return Err(Failure::Upgrade(reason));
    }
    Ok(())
}
