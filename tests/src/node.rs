//! A node as a real process, under a root that goes with it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tempfile::TempDir;

use crate::{Client, Console, PATIENCE};

/// What the node prints once it listens, before the URL.
const READY: &str = "refuge listening on ";

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
}

impl Default for Options {
    fn default() -> Self {
        Self { admin: true, settings: Vec::new(), arguments: Vec::new(), environment: Vec::new() }
    }
}

impl Options {
    /// A node that has no server admin yet.
    pub fn without_admin() -> Self {
        Self { admin: false, ..Self::default() }
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

/// What a process has written to standard error so far.
#[derive(Clone, Default)]
struct Written(Arc<(Mutex<Vec<String>>, Condvar)>);

/// A running node. Dropping it kills its process group and removes its root; so does the end of the
/// test's process, however it ends.
pub struct Node {
    root: Arc<TempDir>,
    options: Options,
    process: Process,
}

struct Process {
    child: Child,
    address: SocketAddr,
    output: Mutex<Receiver<String>>,
    errors: Written,
    watchdog: Watchdog,
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
        let process =
            Process::start(root.path(), &options, 0).unwrap_or_else(|told| panic!("{told}"));
        Self { root, options, process }
    }

    /// Runs the binary where it is bound to refuse: its exit code and what it wrote to standard
    /// output and standard error.
    pub fn refusal(root: &Path, options: &Options) -> (Option<i32>, String, String) {
        let mut child = command(root, options, 0).spawn().expect("a process");
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.process.address
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
        self.process.errors.0.0.lock().unwrap().clone()
    }

    /// Waits until a line of standard error satisfies `choice`.
    pub fn error_line<T>(&self, what: &str, choice: impl Fn(&str) -> Option<T>) -> T {
        let (lines, news) = &*self.process.errors.0;
        let limit = Instant::now() + PATIENCE;
        let mut lines = lines.lock().unwrap();
        loop {
            if let Some(found) = lines.iter().find_map(|line| choice(line)) {
                return found;
            }
            let left = limit.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the node never told {what}; it wrote {lines:#?}");
            lines = news.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// What it has written to standard output after the first line.
    pub fn further_output(&self) -> Vec<String> {
        self.process.output.lock().unwrap().try_iter().collect()
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

    /// Starts a new process on the same root and the same port, once the old one is gone.
    pub fn restart(&mut self) {
        self.kill_hard();
        let port = self.process.address.port();
        let process = Process::start(self.root.path(), &self.options, port);
        self.process = process.unwrap_or_else(|told| panic!("started again: {told}"));
    }
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
            let lines = self.errors.0.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let from = lines.len().saturating_sub(40);
            eprintln!("--- the node's last words\n{}\n---", lines[from..].join("\n"));
        }
    }
}

impl Process {
    fn start(root: &Path, options: &Options, port: u16) -> Result<Self, String> {
        let mut child = command(root, options, port).spawn().map_err(|error| error.to_string())?;
        let watchdog = Watchdog::over(&child, Some(root));
        let errors = Written::default();
        errors.follow(child.stderr.take().expect("piped"));
        let output = lines_of(child.stdout.take().expect("piped"));
        let address = match output.recv_timeout(PATIENCE) {
            Ok(line) => address_in(&line),
            Err(RecvTimeoutError::Timeout) => Err(format!("no line within {PATIENCE:?}")),
            Err(RecvTimeoutError::Disconnected) => Err("it ended before it listened".to_owned()),
        };
        match address {
            Ok(address) => {
                Ok(Self { child, address, output: Mutex::new(output), errors, watchdog })
            }
            Err(told) => {
                kill_group(&child);
                child.wait().ok();
                watchdog.dismiss();
                let written = errors.0.0.lock().unwrap().join("\n");
                Err(format!("the node did not start: {told}; it wrote: {written}"))
            }
        }
    }
}

/// The node's binary lies beside the tests': both come from one `cargo` target directory.
fn binary() -> PathBuf {
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

fn command(root: &Path, options: &Options, port: u16) -> Command {
    let mut command = Command::new(binary());
    command.arg("foreground").arg("--root").arg(root);
    command.args(["--set", &format!("http.port={port}")]);
    if options.admin {
        command.args(["--set", "admins.admin=secret"]);
    }
    for setting in &options.settings {
        command.args(["--set", setting]);
    }
    command.args(&options.arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("REFUGE_")) {
        command.env_remove(name);
    }
    command.envs(options.environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0);
    command
}

fn address_in(line: &str) -> Result<SocketAddr, String> {
    line.strip_prefix(READY)
        .and_then(|url| url.strip_prefix("http://"))
        .and_then(|rest| rest.strip_suffix('/'))
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| format!("its first line is {line:?}"))
}

fn kill_group(child: &Child) {
    // An error says that it is gone already.
    kill_process_group(Pid::from_child(child), Signal::KILL).ok();
}

fn wait_for_end(child: &mut Child) -> Option<ExitStatus> {
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

fn whole(mut stream: impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).ok();
    text
}

fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Written {
    fn follow(&self, stream: impl Read + Send + 'static) {
        let written = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                written.0.0.lock().unwrap().push(line);
                written.0.1.notify_all();
            }
        });
    }
}

/// A shell that waits for the test's process to end, however it ends, and then kills the node and
/// removes its root: a node that tests share is never dropped.
struct Watchdog {
    child: Child,
    leash: Option<ChildStdin>,
}

impl Watchdog {
    fn over(node: &Child, root: Option<&Path>) -> Self {
        let script = r#"read -r _; kill -9 -- "-$1" 2>/dev/null; [ -z "$2" ] || rm -rf -- "$2""#;
        let mut child = Command::new("sh")
            .args(["-c", script, "watchdog", &node.id().to_string()])
            .arg(root.unwrap_or(Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh");
        let leash = child.stdin.take();
        Self { child, leash }
    }

    fn end(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        self.leash.take();
    }

    fn dismiss(mut self) {
        self.end();
    }
}
