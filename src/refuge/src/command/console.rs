//! What the verbs that speak to a running node share: a session with its deadline, kept open for more than
//! one command where there is more than one.

use std::cell::RefCell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use refuge_console::{Ask, ClientError, Connection, Picture, Request, render};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::exit::Failure;

/// A node that takes longer is not well; whoever asks may ask again.
const DEADLINE: Duration = Duration::from_secs(10);
/// A trace is answered when its time is over, which is at most a minute.
const DEADLINE_OF_TRACES: Duration = Duration::from_secs(70);

/// An open session with a node, for programs that wait for each answer.
pub(crate) struct Session {
    runtime: Runtime,
    root: PathBuf,
    /// None after an answer that did not come: it may still come, and is not the next command's.
    connection: RefCell<Option<Connection>>,
}

impl Session {
    /// With the node under `root`.
    pub(crate) fn open(root: &Path) -> Result<Self, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::Runtime)?;
        let connection = RefCell::new(Some(connect(&runtime, root)?));
        Ok(Self { runtime, root: root.to_owned(), connection })
    }

    /// Sends one command.
    pub(crate) fn request(&self, request: &Request) -> Result<Value, Failure> {
        let deadline = if request.command == "trace" { DEADLINE_OF_TRACES } else { DEADLINE };
        let former = self.connection.take();
        let mut connection = match former {
            Some(connection) => connection,
            None => connect(&self.runtime, &self.root)?,
        };
        let asking = async { tokio::time::timeout(deadline, connection.request(request)).await };
        let outcome = self.runtime.block_on(asking).map_err(|_| Failure::NoAnswer(deadline))?;
        self.connection.replace(Some(connection));
        Ok(outcome?)
    }

    /// Waits until the node ends the session, which it does at its end.
    pub(crate) fn ended(&self, most: Duration) -> bool {
        let Some(mut connection) = self.connection.take() else { return true };
        let waiting = async { tokio::time::timeout(most, connection.ended()).await };
        self.runtime.block_on(waiting).is_ok()
    }
}

impl Ask for Session {
    fn ask(&self, request: &Request) -> Result<Value, ClientError> {
        self.request(request).map_err(|failure| match failure {
            Failure::Console(error) => error,
            other => ClientError::Lost(std::io::Error::other(other.sentence())),
        })
    }
}

fn connect(runtime: &Runtime, root: &Path) -> Result<Connection, Failure> {
    let opening = async { tokio::time::timeout(DEADLINE, Connection::open(root)).await };
    let opened = runtime.block_on(opening).map_err(|_| Failure::NoAnswer(DEADLINE))?;
    Ok(opened?)
}

/// A command without arguments.
pub(crate) fn command(name: &str) -> Request {
    Request { command: name.to_owned(), arguments: Vec::new() }
}

/// Options as the console takes them: each value behind its name.
pub(crate) fn options(given: &[(&str, &[String])]) -> Vec<String> {
    let pairs = given.iter().flat_map(|(name, values)| {
        values.iter().flat_map(move |value| [(*name).to_owned(), value.clone()])
    });
    pairs.collect()
}

/// Sends one command to the node under `root`.
pub(crate) fn ask(root: &Path, request: &Request) -> Result<Value, Failure> {
    Session::open(root)?.request(request)
}

/// The same, and writes what it answers.
pub(crate) fn tell(root: &Path, request: &Request, json: bool) -> Result<(), Failure> {
    show(request, &ask(root, request)?, json);
    Ok(())
}

/// Writes to standard output. A reader that went away (a pager, `head`) has seen enough.
pub(crate) fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Writes an answer to standard output, for people or as a line of JSON.
pub(crate) fn show(request: &Request, answer: &Value, json: bool) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    let colours = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let text = match json {
        true => format!("{answer}\n"),
        false => render(request, answer, Picture { colours, now_ms }),
    };
    say(&text);
}
