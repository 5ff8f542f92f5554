//! A node of this measurement, as a process under a directory of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::feed::Feed;
use crate::Outcome;

/// A node that takes longer to make its key will not do so.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// A running node; it is stopped when this goes.
pub(super) struct Node {
    program: String,
    root: TempDir,
    child: Child,
    http: SocketAddr,
    mesh: SocketAddr,
}

impl Node {
    pub(super) fn start(program: &str) -> Outcome<Self> {
        let root = TempDir::new()?;
        let none = SocketAddr::from(([127, 0, 0, 1], 0));
        let (child, http, mesh) = run(program, &root, none, none)?;
        Ok(Self { program: program.to_owned(), root, child, http, mesh })
    }

    /// Starts it where it was before.
    pub(super) fn start_again(&mut self) -> Outcome<()> {
        (self.child, ..) = run(&self.program, &self.root, self.http, self.mesh)?;
        Ok(())
    }

    pub(super) fn stop(&mut self) -> Outcome<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }

    /// Takes all processor time away from it, or gives it back.
    pub(super) fn halt(&self, halt: bool) -> Outcome<()> {
        let signal = if halt { Signal::STOP } else { Signal::CONT };
        Ok(kill_process(Pid::from_child(&self.child), signal)?)
    }

    pub(super) fn mesh_address(&self) -> SocketAddr {
        self.mesh
    }

    /// The directory of its key and certificate.
    pub(super) fn identity(&self) -> PathBuf {
        self.root.path().join("var/identity")
    }

    /// Makes another node known to it, as a member of `family`.
    pub(super) fn add(&self, other: &Self, name: &str) -> Outcome<()> {
        let (id, address) = (other.id()?, other.mesh.to_string());
        self.verb(&[
            "peer",
            "add",
            &id,
            "--name",
            name,
            "--address",
            &address,
            "--group",
            "family",
        ])?;
        Ok(())
    }

    /// Its id, once its key is made.
    pub(super) fn id(&self) -> Outcome<String> {
        let begun = Instant::now();
        loop {
            match self.verb(&["identity"]) {
                Ok(told) => {
                    let id = told.split_whitespace().nth(1).ok_or("an odd identity")?;
                    return Ok(id.to_owned());
                }
                Err(error) if begun.elapsed() > PATIENCE => return Err(error),
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    /// Its process.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its URL with the admin's credentials.
    pub(super) fn url(&self) -> String {
        format!("http://admin:secret@{}", self.http)
    }

    /// Runs a verb of its command line to a good end; what it tells.
    pub(super) fn verb(&self, verb: &[&str]) -> Outcome<String> {
        let mut command = Command::new(&self.program);
        let told = command.args(verb).arg("--root").arg(self.root.path()).output()?;
        if !told.status.success() {
            return Err(String::from_utf8(told.stderr)?.into());
        }
        Ok(String::from_utf8(told.stdout)?)
    }

    /// One request; an answer of another status than `expected` is an error.
    pub(super) fn ask(&self, method: &str, path: &str, body: &str, expected: u16) -> Outcome<()> {
        Feed::open(self.http, (method, path), body, expected).map(|_| ())
    }

    /// What happens to the nodes that it knows.
    pub(super) fn events(&self, since: &str) -> Outcome<Feed> {
        let path = format!("/_mesh/events?feed=continuous&heartbeat=1000&since={since}");
        Feed::open(self.http, ("GET", &path), "", 200)
    }

    /// What happens in one of its databases, from the beginning.
    pub(super) fn changes(&self, database: &str) -> Outcome<Feed> {
        let path = format!("/{database}/_changes?feed=continuous&heartbeat=1000&since=0");
        Feed::open(self.http, ("GET", &path), "", 200)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // Either may fail because it has ended already: that is what is wanted.
        let _told = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// Starts the process and waits until it listens on both ports.
fn run(
    program: &str,
    root: &TempDir,
    http: SocketAddr,
    mesh: SocketAddr,
) -> Outcome<(Child, SocketAddr, SocketAddr)> {
    let mut command = Command::new(program);
    command.arg("foreground").arg("--root").arg(root.path());
    for setting in [
        "admins.admin=secret".to_owned(),
        "mesh.enabled=true".to_owned(),
        "mesh.bind=127.0.0.1".to_owned(),
        format!("http.port={}", http.port()),
        format!("mesh.port={}", mesh.port()),
    ] {
        command.arg("--set").arg(setting);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let output = child.stdout.take().ok_or("no standard output")?;
    let (mut http, mut mesh) = (None, None);
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some(url) = line.strip_prefix("refuge listening on http://") {
            http = Some(url.trim_end_matches('/').parse()?);
        } else if let Some(address) = line.strip_prefix("refuge mesh listening on ") {
            mesh = Some(address.parse()?);
        }
        if let (Some(http), Some(mesh)) = (http, mesh) {
            return Ok((child, http, mesh));
        }
    }
    Err(format!("{program} ended before it listened").into())
}
