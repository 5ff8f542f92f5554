//! Running one hook: a process in a group of its own that is given its input, is listened to, and is
//! ended with all that it started when its time is up, when it exits, or when its owner goes. Which
//! hooks there are and when they run is not known here.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;

/// Environment that a hook shares with the node.
const KEPT: [&str; 2] = ["PATH", "HOME"];
/// Where programs are looked for when the node has no `PATH` of its own.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// A hook that is being saved in an editor at this moment cannot be executed: tried again so often.
const BUSY_ATTEMPTS: u32 = 10;
/// Rest between two attempts; together they come to half a second.
const BUSY_REST: Duration = Duration::from_millis(50);

/// What one run is given.
#[derive(Clone, Debug)]
pub(super) struct Hook {
    /// The executable.
    pub(super) program: PathBuf,
    /// Where it runs.
    pub(super) directory: PathBuf,
    /// Its environment besides what is kept.
    pub(super) environment: Vec<(&'static str, String)>,
    /// What it reads from its standard input.
    pub(super) input: String,
    /// Its bounds.
    pub(super) limits: ProcessLimits,
}

/// The bounds of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessLimits {
    /// How long it may run.
    pub time: Duration,
    /// How much of what it says is kept.
    pub output_bytes: usize,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// By itself, with this status.
    Exited(i32),
    /// By a signal that was not ours.
    Signal(i32),
    /// Its time was up.
    TimedOut(Duration),
    /// It did not start, for this reason.
    NotStarted(String),
    /// It was not to start, for this reason.
    Refused(&'static str),
}

impl Outcome {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(formatter, "exit {status}"),
            Self::Signal(signal) => write!(formatter, "signal {signal}"),
            Self::TimedOut(time) => write!(formatter, "killed after {time:?}"),
            Self::NotStarted(reason) => write!(formatter, "not started: {reason}"),
            Self::Refused(reason) => write!(formatter, "refused: {reason}"),
        }
    }
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// How it ended.
    pub(super) outcome: Outcome,
    /// The beginning of what it said on standard output and standard error.
    pub(super) output: String,
}

/// Runs a hook to its end. Dropping the future ends the process and its group.
pub(super) async fn run(hook: Hook) -> Ended {
    let (limits, input) = (hook.limits, hook.input.clone().into_bytes());
    let not_started =
        |reason: String| Ended { outcome: Outcome::NotStarted(reason), output: String::new() };
    let started = match crate::blocking(move || start(&hook)).await {
        Ok(Ok(started)) => started,
        Ok(Err(error)) => return not_started(error.to_string()),
        Err(error) => return not_started(error.to_string()),
    };
    match attend(started, input, limits).await {
        Ok(ended) => ended,
        Err(error) => not_started(error.to_string()),
    }
}

/// A process that runs, with our ends of its pipes.
struct Started {
    process: Process,
    input: OwnedFd,
    output: OwnedFd,
}

/// Blocks until the program runs or is known not to.
fn start(hook: &Hook) -> io::Result<Started> {
    let (its_input, input) = io::pipe()?;
    let (output, its_output) = io::pipe()?;
    let mut command = Command::new(&hook.program);
    command
        .env_clear()
        .env("PATH", USUAL_PATH)
        .envs(KEPT.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .envs(hook.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&hook.directory)
        .process_group(0)
        .stdin(its_input)
        .stderr(its_output.try_clone()?)
        .stdout(its_output);
    let mut attempts = 1;
    let child = loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy
                    && attempts < BUSY_ATTEMPTS =>
            {
                attempts += 1;
                std::thread::sleep(BUSY_REST);
            }
            result => break result?,
        }
    };
    Ok(Started { process: Process::new(child), input: input.into(), output: output.into() })
}

async fn attend(started: Started, input: Vec<u8>, limits: ProcessLimits) -> io::Result<Ended> {
    let Started { process, input: input_end, output: output_end } = started;
    let mut input_end = pipe::Sender::from_owned_fd(input_end)?;
    let mut output_end = pipe::Receiver::from_owned_fd(output_end)?;
    let group = EndedWithOwner(Arc::clone(&process.group));
    let mut exit = tokio::task::spawn_blocking(move || process.wait());
    // A hook need not read its input; the pipe's end is closed behind it.
    let mut giving = pin!(async move {
        let _ = input_end.write_all(&input).await;
    });
    let mut time = pin!(tokio::time::sleep(limits.time));
    let mut output = Output { bytes: Vec::new(), limit: limits.output_bytes };
    let mut piece = vec![0; limits.output_bytes.max(1)];
    let (mut given, mut silent) = (false, false);
    let outcome = loop {
        tokio::select! {
            status = &mut exit => break Outcome::of(status.map_err(io::Error::other)??),
            () = &mut time => break Outcome::TimedOut(limits.time),
            () = &mut giving, if !given => given = true,
            read = output_end.read(&mut piece), if !silent => match read {
                Ok(0) | Err(_) => silent = true,
                Ok(count) => output.take(piece.get(..count).unwrap_or_default()),
            },
        }
    };
    drop(group);
    // What it said last. Nobody is waited for: a process that left the group may hold the pipe open.
    // Asked of the pipe itself, since the reactor may not have heard of it yet.
    while !output.is_full() {
        match rustix::io::read(&output_end, &mut piece) {
            Ok(count @ 1..) => output.take(piece.get(..count).unwrap_or_default()),
            Err(Errno::INTR) => {}
            Ok(0) | Err(_) => break,
        }
    }
    Ok(Ended { outcome, output: output.into_text() })
}

/// The beginning of what a hook said.
struct Output {
    bytes: Vec<u8>,
    limit: usize,
}

impl Output {
    fn take(&mut self, piece: &[u8]) {
        let room = self.limit.saturating_sub(self.bytes.len());
        self.bytes.extend(piece.iter().take(room));
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= self.limit
    }

    /// As text that does nothing to the terminal of whoever reads it.
    fn into_text(self) -> String {
        let shown = |character: char| match character {
            '\n' | '\t' => character,
            other if other.is_control() => char::REPLACEMENT_CHARACTER,
            other => other,
        };
        String::from_utf8_lossy(&self.bytes).chars().map(shown).collect()
    }
}

/// A process group, as long as its leader has not been reaped: until then its number is nobody
/// else's.
struct Group(Mutex<Option<Pid>>);

impl Group {
    fn kill(&self) {
        let leader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(leader) = *leader {
            // It may have ended by itself.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }

    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Ends a group when the task that attends to it goes.
struct EndedWithOwner(Arc<Group>);

impl Drop for EndedWithOwner {
    fn drop(&mut self) {
        self.0.kill();
    }
}

/// A running process; dropping it ends it with its group.
struct Process {
    child: Child,
    group: Arc<Group>,
}

impl Process {
    fn new(child: Child) -> Self {
        let group = Arc::new(Group(Mutex::new(Some(Pid::from_child(&child)))));
        Self { child, group }
    }

    /// Blocks until it has ended; what it left running in its group is ended then.
    fn wait(mut self) -> io::Result<ExitStatus> {
        let leader = WaitId::Pid(Pid::from_child(&self.child));
        // Seen, not reaped.
        let seen = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(leader.clone(), seen), Err(Errno::INTR)) {}
        self.reap()
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        self.group.kill();
        self.group.forget();
        self.child.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.reap();
    }
}

#[cfg(test)]
mod tests;
