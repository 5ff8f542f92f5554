//! How a node is to be started.

use std::net::IpAddr;

/// How a node is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether there is the admin `admin` with the password `secret`.
    pub admin: bool,
    /// Further `--set section.key=value`.
    pub settings: Vec<String>,
    /// Further arguments, as they are.
    pub arguments: Vec<String>,
    /// Environment variables.
    pub environment: Vec<(String, String)>,
    /// A program, with its arguments, that becomes the node: it sets something up and executes what
    /// follows.
    pub through: Vec<String>,
    /// The address at which this test reaches the node, where that is not the one it listens on.
    pub reached_at: Option<IpAddr>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            admin: true,
            settings: Vec::new(),
            arguments: Vec::new(),
            environment: Vec::new(),
            through: Vec::new(),
            reached_at: None,
        }
    }
}

impl Options {
    /// A node that has no server admin yet.
    pub fn without_admin() -> Self {
        Self { admin: false, ..Self::default() }
    }

    /// A node that listens for other nodes, on a free port of the loopback interface.
    pub fn mesh() -> Self {
        Self::default().set("mesh.enabled=true").set("mesh.bind=127.0.0.1").set("mesh.port=0")
    }

    /// With one more `--set`.
    pub fn set(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// With one more environment variable.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}
