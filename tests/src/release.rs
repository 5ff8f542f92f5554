//! A release as a tarball, unpacked into a folder that goes with it. The tarball is packed from the binary
//! that the tests are built with; `REFUGE_TARBALL` names another.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::node::{Told, binary, without_settings};
use crate::{Client, Console};

/// Somebody who owns nothing: whoever may become another user runs the release as this one.
const NOBODY: u32 = 65_534;

/// An unpacked release. Dropping it kills a node that still runs.
pub struct Release {
    folder: TempDir,
    /// Settings of every start.
    settings: Vec<String>,
    /// The root of another system, under which it lies and runs.
    system: Option<PathBuf>,
}

/// The repository.
fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Packs the tests' binary as a version.
pub(crate) fn pack(folder: &Path, version: &str) -> PathBuf {
    let told = Command::new(top().join("release/tarball"))
        .arg(binary())
        .arg(folder)
        .arg(version)
        .env("GZIP_LEVEL", "1")
        .output()
        .expect("release/tarball");
    let text = String::from_utf8(told.stdout).expect("text");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    PathBuf::from(text.trim())
}

/// The tarball, packed once a process.
fn tarball() -> &'static Path {
    static TARBALL: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = TARBALL.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = match std::env::var_os("REFUGE_TARBALL") {
            Some(path) => PathBuf::from(path),
            None => pack(folder.path(), env!("CARGO_PKG_VERSION")),
        };
        (folder, path)
    });
    path
}

impl Release {
    /// Unpacks it, for a user who owns nothing else where the tests may become one.
    pub fn unpack() -> Self {
        Self::unpack_below(&std::env::temp_dir(), None)
    }

    /// The same in the folder of another system, which the tests may enter.
    pub fn unpack_in(system: &Path) -> Self {
        Self::unpack_below(&system.join("tmp"), Some(system.to_owned()))
    }

    fn unpack_below(above: &Path, system: Option<PathBuf>) -> Self {
        let folder = tempfile::Builder::new().prefix("refuge-").tempdir_in(above);
        let settings = vec!["http.port=0".to_owned(), "admins.admin=secret".to_owned()];
        let release = Self { folder: folder.expect("a folder"), settings, system };
        release.add(tarball());
        release
    }

    /// The same, of which nobody is the admin yet.
    pub fn without_admin() -> Self {
        let mut release = Self::unpack();
        release.settings.retain(|setting| !setting.starts_with("admins."));
        release
    }

    /// Unpacks another tarball over it.
    pub fn add(&self, tarball: &Path) {
        let told =
            Command::new("tar").arg("-C").arg(self.folder.path()).arg("-xzf").arg(tarball).status();
        assert!(told.expect("tar").success());
        if rustix::process::geteuid().is_root() {
            let owner = format!("{NOBODY}:{NOBODY}");
            let told = Command::new("chown").arg("-R").arg(owner).arg(self.folder.path()).status();
            assert!(told.expect("chown").success());
        }
    }

    /// Packs the same binary as another version.
    pub fn pack(&self, folder: &Path, version: &str) -> PathBuf {
        let tarball = pack(folder, version);
        // Whoever runs the release has to read it.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder, mode).expect("a folder of ours");
        tarball
    }

    /// Packs the same binary as another version and lays it beside.
    pub fn add_version(&self, version: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        self.add(&pack(folder.path(), version));
    }

    /// With one more setting.
    pub fn set(mut self, setting: &str) -> Self {
        self.settings.push(setting.to_owned());
        self
    }

    /// What was unpacked.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("refuge")
    }

    /// How the program is begun: as nobody where the tests may, and where it lies.
    fn program(&self) -> Command {
        let program = self.root().join("bin/refuge");
        if let Some(system) = &self.system {
            // With what every system has at /proc, in a space of mounts of its own.
            let enter = "mount --bind /proc \"$1/proc\"; system=$1; shift; \
                 exec chroot --userspec=65534:65534 \"$system\" \"$@\"";
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-ec", enter, "enter"]).arg(system);
            let inside = program.strip_prefix(system).expect("below the system");
            command.arg(Path::new("/").join(inside));
            return command;
        }
        if !rustix::process::geteuid().is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        let user = format!("--reuid={NOBODY}");
        command.arg(user).arg(format!("--regid={NOBODY}")).args(["--clear-groups", "--"]);
        command.arg(program);
        command
    }

    fn command(&self, verb: &[&str]) -> Command {
        let mut command = self.program();
        command.args(verb).current_dir("/");
        if verb.first().is_some_and(|verb| ["start", "foreground", "console"].contains(verb)) {
            for setting in &self.settings {
                command.args(["--set", setting]);
            }
        }
        without_settings(&mut command);
        command.env_remove("XDG_STATE_HOME").env("HOME", self.folder.path());
        command
    }

    /// Runs a verb to its end.
    pub fn refuge(&self, verb: &[&str]) -> Told {
        self.refuge_with(verb, "")
    }

    /// Runs a verb to its end that reads this from its standard input.
    pub fn refuge_with(&self, verb: &[&str], input: &str) -> Told {
        let mut child = self.begin(verb);
        let mut to_child = child.stdin.take().expect("piped");
        // It may end before it has read all.
        to_child.write_all(input.as_bytes()).ok();
        drop(to_child);
        let told = child.wait_with_output().expect("a process");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Told { code: told.status.code(), output: text(told.stdout), errors: text(told.stderr) }
    }

    /// Begins a verb; all three streams are piped.
    pub fn begin(&self, verb: &[&str]) -> Child {
        let mut command = self.command(verb);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("a process")
    }

    /// Runs a verb that has to come to a good end; its standard output.
    pub fn well(&self, verb: &[&str]) -> String {
        let told = self.refuge(verb);
        assert_eq!(told.code, Some(0), "{verb:?}: {}{}", told.output, told.errors);
        told.output
    }

    /// Starts the node in the background; where it listens.
    pub fn start(&self) -> SocketAddr {
        let told = self.well(&["start"]);
        let url = told.lines().find_map(|line| line.strip_prefix("refuge listening on http://"));
        let address = url.and_then(|url| url.strip_suffix('/')).unwrap_or_else(|| panic!("{told}"));
        address.parse().expect("an address")
    }

    /// The number of its process, while one runs.
    pub fn process(&self) -> Option<i32> {
        self.refuge(&["pid"]).output.trim().parse().ok()
    }

    /// Whether a process runs; one that only waits for its parent to hear of its end does not.
    pub fn lives(process: i32) -> bool {
        let told = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        told.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
    }

    /// SIGKILL to the node and all of its group.
    pub fn kill_hard(&self) {
        let process = self.process().expect("a node that runs");
        let group = Pid::from_raw(process).expect("a number");
        kill_process_group(group, Signal::KILL).expect("a group");
        while Self::lives(process) {
            std::thread::yield_now();
        }
    }

    /// A client that is the admin.
    pub fn client(address: SocketAddr) -> Client {
        Client::with_credentials(address, "admin", "secret")
    }

    /// The node's console.
    pub fn console(&self) -> Console {
        Console::of(&self.root())
    }
}

impl Drop for Release {
    fn drop(&mut self) {
        if let Some(process) = self.process().and_then(Pid::from_raw) {
            kill_process(process, Signal::KILL).ok();
        }
    }
}
