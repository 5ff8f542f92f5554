//! Where things lie under a node's root. Making the directories does not belong here.

use std::path::{Path, PathBuf};

/// The paths under one root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout under `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The root itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Configuration files.
    pub fn etc(&self) -> PathBuf {
        self.root.join("etc")
    }

    /// The configuration that people write.
    pub fn configuration_file(&self) -> PathBuf {
        self.etc().join("refuge.toml")
    }

    /// The one configuration file that the node writes.
    pub fn local_file(&self) -> PathBuf {
        self.etc().join("local.toml")
    }

    /// Executables that the node runs at events, in one folder an event.
    pub fn hooks(&self) -> PathBuf {
        self.etc().join("hooks")
    }

    /// The storage engine's directory.
    pub fn data(&self) -> PathBuf {
        self.root.join("var/data")
    }

    /// The directory of the indexes, which can be built again from the data.
    pub fn indexes(&self) -> PathBuf {
        self.root.join("var/indexes")
    }

    /// Log files.
    pub fn log(&self) -> PathBuf {
        self.root.join("var/log")
    }

    /// Sockets of the running node.
    pub fn run(&self) -> PathBuf {
        self.root.join("var/run")
    }

    /// Keys and certificates.
    pub fn identity(&self) -> PathBuf {
        self.root.join("var/identity")
    }
}
