//! One run of the binary.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::options::Options;
use super::watchdog::Watchdog;
use super::written::Written;
use crate::PATIENCE;

/// What the node prints once it listens, before the URL.
pub(super) const READY: &str = "refuge listening on ";

/// What it prints once it listens for clients over TLS, before the address.
pub(super) const TLS_READY: &str = "refuge listening on https://";

/// What it prints once it listens for other nodes, before the address.
pub(super) const MESH_READY: &str = "refuge mesh listening on ";

/// The ports of an earlier run, which the next one takes over; 0 picks one.
#[derive(Clone, Copy, Default)]
pub(super) struct Ports {
    pub(super) http: u16,
    pub(super) mesh: Option<u16>,
}

pub(super) struct Process {
    pub(super) child: Child,
    pub(super) address: SocketAddr,
    pub(super) output: Written,
    pub(super) errors: Written,
    watchdog: Watchdog,
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that was waited for has given its number back: somebody else may have it by now.
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_group(&self.child);
            self.child.wait().ok();
        }
        self.watchdog.end();
        if std::thread::panicking() {
            let lines = self.errors.lines();
            let from = lines.len().saturating_sub(40);
            eprintln!("--- the node's last words\n{}\n---", lines[from..].join("\n"));
        }
    }
}

impl Process {
    pub(super) fn start(root: &Path, options: &Options, ports: Ports) -> Result<Self, String> {
        let mut child = command(root, options, ports).spawn().map_err(|error| error.to_string())?;
        let watchdog = Watchdog::over(&child, Some(root));
        let errors = Written::of(child.stderr.take().expect("piped"));
        let output = Written::of(child.stdout.take().expect("piped"));
        match output.wait(|line| line.strip_prefix(READY).map(address_in)).flatten() {
            Ok(mut address) => {
                if let Some(ip) = options.reached_at {
                    address.set_ip(ip);
                }
                Ok(Self { child, address, output, errors, watchdog })
            }
            Err(told) => {
                kill_group(&child);
                child.wait().ok();
                watchdog.dismiss();
                let written = errors.lines().join("\n");
                Err(format!("the node did not start: {told}; it wrote: {written}"))
            }
        }
    }
}

/// The node's binary lies beside the tests': both come from one `cargo` target directory.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test that is a file");
    let folder = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    let binary = folder.join("refuge");
    assert!(
        binary.is_file(),
        "{} is missing: build the node first, with `cargo build -p refuge`",
        binary.display()
    );
    binary
}

pub(super) fn command(root: &Path, options: &Options, ports: Ports) -> Command {
    let mut command = match options.through.split_first() {
        None => Command::new(binary()),
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary());
            command
        }
    };
    command.arg("foreground").arg("--root").arg(root);
    command.args(["--set", &format!("http.port={}", ports.http)]);
    if options.admin {
        command.args(["--set", "admins.admin=secret"]);
    }
    for setting in &options.settings {
        command.args(["--set", setting]);
    }
    if let Some(port) = ports.mesh {
        command.args(["--set", &format!("mesh.port={port}")]);
    }
    command.args(&options.arguments);
    without_settings(&mut command);
    command.envs(options.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0);
    command
}

/// What stands in the environment of the tests is not for the node.
pub(crate) fn without_settings(command: &mut Command) {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REFUGE_")) {
        command.env_remove(name);
    }
}

fn address_in(url: &str) -> Result<SocketAddr, String> {
    url.strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix('/'))
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| format!("its URL is {url:?}"))
}

pub(super) fn kill_group(child: &Child) {
    // An error says that it is gone already.
    kill_process_group(Pid::from_child(child), Signal::KILL).ok();
}

pub(super) fn wait_for_end(child: &mut Child) -> Option<ExitStatus> {
    // A child's end is no event that std can wait for with a deadline: ask again every 5 ms.
    let limit = Instant::now() + PATIENCE;
    let (_never, pause) = channel::<()>();
    while Instant::now() < limit {
        if let Some(status) = child.try_wait().expect("a child") {
            return Some(status);
        }
        pause.recv_timeout(Duration::from_millis(5)).ok();
    }
    None
}
