//! The house itself: who may know whom, who owns what, licences, and that every file says what it is.

mod dependencies;
mod files;
mod leftovers;
mod licences;

use std::path::PathBuf;
use std::sync::LazyLock;

use cargo_metadata::{Metadata, MetadataCommand};

/// The top of the repository.
fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// What Cargo knows of the workspace, for the platform that runs this.
static METADATA: LazyLock<Metadata> = LazyLock::new(|| {
    let told = std::process::Command::new("rustc").arg("-vV").output().expect("rustc");
    let told = String::from_utf8(told.stdout).expect("text");
    let host = told.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
    MetadataCommand::new()
        .manifest_path(top().join("Cargo.toml"))
        .other_options(["--offline", "--locked", "--filter-platform", host].map(str::to_owned))
        .exec()
        .expect("cargo metadata")
});
