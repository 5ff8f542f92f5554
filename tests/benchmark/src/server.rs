//! A server that the benchmark itself starts, for the time to its first answer.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Outcome;
use crate::figure::Report;
use crate::target::Target;

/// A server that does not answer by then is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a starting server is asked: a tenth of what is to be told apart.
const PAUSE: Duration = Duration::from_millis(1);

/// A running server; it is stopped when this goes.
pub(crate) struct Server {
    command: String,
    child: Child,
    port: u16,
    root: TempDir,
}

impl Server {
    /// Starts one on a new root.
    pub(crate) async fn start(command: &str) -> Outcome<Self> {
        let root = TempDir::new()?;
        let (child, port, _) = launch(command, root.path()).await?;
        Ok(Self { command: command.to_owned(), child, port, root })
    }

    /// Stops it in order and starts it again on its root, perhaps on another port; how long the start
    /// took until the first answer.
    pub(crate) async fn restart(&mut self) -> Outcome<Duration> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        self.child.wait()?;
        let (child, port, time) = launch(&self.command, self.root.path()).await?;
        (self.child, self.port) = (child, port);
        Ok(time)
    }

    /// The directory that it was given.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Its URL with the admin's credentials.
    pub(crate) fn url(&self) -> String {
        format!("http://admin:secret@127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either may fail because it has ended already: that is what is wanted.
        let _told = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ended = self.child.wait();
    }
}

/// Starts a server on a new root, and again on the same, and tells how long each took until it
/// answered `GET /`.
pub(crate) async fn first_answers(command: &str, report: &mut Report) -> Outcome<Server> {
    let root = TempDir::new()?;
    let (child, port, time) = launch(command, root.path()).await?;
    let mut server = Server { command: command.to_owned(), child, port, root };
    report.figure("first_answer_new_root", time.as_secs_f64() * 1e3, "ms");
    let time = server.restart().await?;
    report.figure("first_answer_existing_root", time.as_secs_f64() * 1e3, "ms");
    Ok(server)
}

async fn launch(command: &str, root: &Path) -> Outcome<(Child, u16, Duration)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let root = root.to_str().ok_or("a temporary directory with an odd name")?;
    let fill = |word: &str| word.replace("{root}", root).replace("{port}", &port.to_string());
    let mut words = command.split_whitespace().map(fill);
    let program = words.next().ok_or("an empty command")?;
    let start = Instant::now();
    let mut child = Command::new(&program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let target = Target::parse(&format!("http://127.0.0.1:{port}"))?;
    while start.elapsed() < PATIENCE {
        if target.ask("GET", "/", 200).await.is_ok() {
            return Ok((child, port, start.elapsed()));
        }
        if let Some(status) = child.try_wait()? {
            return Err(format!("{program} ended with {status}").into());
        }
        tokio::time::sleep(PAUSE).await;
    }
    child.kill()?;
    Err(format!("{program} did not answer within {PATIENCE:?}").into())
}
