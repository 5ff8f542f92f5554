//! A node as a real process, under a root that goes with it.

mod options;
mod process;
mod watchdog;
mod written;

use std::io::Read;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};
use tempfile::TempDir;

use crate::{Client, Console};
pub use options::Options;
use process::{MESH_READY, Ports, Process, READY, TLS_READY, command, kill_group, wait_for_end};
pub(crate) use process::{binary, without_settings};
use watchdog::Watchdog;

/// A running node. Dropping it kills its process group and removes its root; so does the end of the
/// test's process, however it ends.
pub struct Node {
    root: Arc<TempDir>,
    options: Options,
    process: Process,
}

/// What a verb of the command line came to.
#[derive(Debug)]
pub struct Told {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
}

impl Node {
    /// Starts a node under a new root and waits until it listens.
    pub fn start(options: Options) -> Self {
        let root =
            tempfile::Builder::new().prefix("refuge-").tempdir().expect("a temporary folder");
        Self::start_under(Arc::new(root), options)
    }

    /// Starts a node under a root that is there already.
    pub fn start_under(root: Arc<TempDir>, options: Options) -> Self {
        let process = Process::start(root.path(), &options, Ports::default())
            .unwrap_or_else(|told| panic!("{told}"));
        Self { root, options, process }
    }

    /// Runs the binary where it is bound to refuse: its exit code and what it wrote to standard
    /// output and standard error.
    pub fn refusal(root: &Path, options: &Options) -> (Option<i32>, String, String) {
        let mut child = command(root, options, Ports::default()).spawn().expect("a process");
        let watchdog = Watchdog::over(&child, None);
        let output = child.stdout.take().expect("piped");
        let errors = child.stderr.take().expect("piped");
        let output = std::thread::spawn(move || whole(output));
        let errors = std::thread::spawn(move || whole(errors));
        let status = wait_for_end(&mut child);
        if status.is_none() {
            kill_group(&child);
        }
        watchdog.dismiss();
        let errors = errors.join().expect("a reader");
        let status = status.unwrap_or_else(|| panic!("the node does not refuse to run: {errors}"));
        (status.code(), output.join().expect("a reader"), errors)
    }

    /// Runs another verb of the binary on this node's root: `refuge peer list`.
    pub fn refuge(&self, verb: &[&str]) -> Told {
        told(self.verb(verb))
    }

    /// Begins another verb of the binary on this node's root, one that goes on until it is told to stop;
    /// what it writes goes nowhere.
    pub fn begin(&self, verb: &[&str]) -> Child {
        let mut command = self.verb(verb);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a process")
    }

    /// Runs another verb where a line of the shell comes first, such as one that limits what it may use.
    pub fn refuge_behind(&self, line: &str, verb: &[&str]) -> Told {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{line}\nexec \"$0\" \"$@\"")).arg(binary());
        command.args(verb).arg("--root").arg(self.root());
        without_settings(&mut command);
        told(command)
    }

    fn verb(&self, verb: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(verb).arg("--root").arg(self.root());
        without_settings(&mut command);
        command
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
    }

    /// Where it listens for other nodes; waits until it does.
    pub fn mesh_address(&self) -> SocketAddr {
        let line = |line: &str| line.strip_prefix(MESH_READY).map(str::parse);
        let address = self.process.output.wait(line);
        let address = address.unwrap_or_else(|told| panic!("the node's mesh: {told}"));
        let mut address: SocketAddr = address.expect("an address and a port");
        if let Some(ip) = self.options.reached_at {
            address.set_ip(ip);
        }
        address
    }

    /// Where it listens for clients over TLS; waits until it does.
    pub fn tls_address(&self) -> SocketAddr {
        let line = |line: &str| Some(line.strip_prefix(TLS_READY)?.trim_end_matches('/').parse());
        let address = self.process.output.wait(line);
        address.unwrap_or_else(|told| panic!("TLS: {told}")).expect("an address and a port")
    }

    /// Its URL with the admin's credentials, without a slash at its end.
    pub fn url(&self) -> String {
        format!("http://admin:secret@{}", self.address())
    }

    /// Its root directory.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Its root directory, to be kept longer than this process.
    pub fn keep_root(&self) -> Arc<TempDir> {
        self.root.clone()
    }

    /// A new client that is the admin.
    pub fn client(&self) -> Client {
        Client::with_credentials(self.address(), "admin", "secret")
    }

    /// Has it read its `etc/refuge.toml` anew while it runs, with this text.
    pub async fn read_settings(&self, text: &str) {
        std::fs::write(self.root().join("etc/refuge.toml"), text).expect("written");
        let reload = "/_node/_local/_config/_reload";
        self.client().post(reload, serde_json::json!({})).await.expect(200);
    }

    /// A new client that is nobody.
    pub fn anonymous(&self) -> Client {
        Client::anonymous(self.address())
    }

    /// Its console.
    pub fn console(&self) -> Console {
        Console::of(self.root())
    }

    /// The process's number.
    pub fn process_id(&self) -> u32 {
        self.process.child.id()
    }

    /// Whether the process has ended; it leaves its result to [`Node::ended`].
    pub fn has_ended(&self) -> bool {
        let id = Pid::from_child(&self.process.child);
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(id), options).is_ok_and(|status| status.is_some())
    }

    /// All it has written to standard error.
    pub fn errors(&self) -> Vec<String> {
        self.process.errors.lines()
    }

    /// Waits until a line of standard error satisfies `choice`.
    pub fn error_line<T>(&self, what: &str, choice: impl Fn(&str) -> Option<T>) -> T {
        let found = self.process.errors.wait(choice);
        found.unwrap_or_else(|told| panic!("the node never told {what}: {told}"))
    }

    /// What it has written to standard output beside the line that it listens.
    pub fn further_output(&self) -> Vec<String> {
        let mut lines = self.process.output.lines();
        lines.retain(|line| !line.starts_with(READY));
        lines
    }

    /// SIGKILL, at once, to the whole process group; returns when it is gone.
    pub fn kill_hard(&mut self) {
        kill_group(&self.process.child);
        self.process.child.wait().expect("a child");
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Any signal.
    pub fn signal(&self, signal: Signal) {
        let group = Pid::from_child(&self.process.child);
        rustix::process::kill_process(group, signal).expect("a process that runs");
    }

    /// Waits until the process has ended by itself.
    pub fn ended(&mut self) -> ExitStatus {
        match wait_for_end(&mut self.process.child) {
            Some(status) => status,
            None => panic!("the node does not end; it wrote {:#?}", self.errors()),
        }
    }

    /// `refuge check` on the root of this node, whose process is gone: it must find nothing.
    pub fn check(&self) {
        let told = self.refuge(&["check"]);
        assert_eq!(told.code, Some(0), "{}{}", told.output, told.errors);
    }

    /// Starts a new process on the same root and the same ports, once the old one is gone.
    pub fn restart(&mut self) {
        self.kill_hard();
        let mesh = self.process.output.lines().into_iter().find_map(|line| {
            let address = line.strip_prefix(MESH_READY)?.parse::<SocketAddr>();
            Some(address.expect("an address and a port").port())
        });
        let ports = Ports { http: self.process.address.port(), mesh };
        let process = Process::start(self.root.path(), &self.options, ports);
        self.process = process.unwrap_or_else(|told| panic!("started again: {told}"));
    }
}

/// The binary that the tests start.
pub fn program() -> std::path::PathBuf {
    binary()
}

/// Runs it to its end.
fn told(mut command: Command) -> Told {
    let told = command.output().expect("a process");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Told { code: told.status.code(), output: text(told.stdout), errors: text(told.stderr) }
}

fn whole(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).ok();
    text
}
