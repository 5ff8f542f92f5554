//! `refuge replicate SOURCE TARGET`: one replication by the running node, shown until it ends.

mod progress;
mod request;

use std::path::Path;
use std::time::Duration;

use clap::Args;
use refuge_console::{ClientError, Connection, Request};
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Root;
use crate::exit::Failure;
use progress::Progress;

/// How often the node is asked how far it is.
const LOOK: Duration = Duration::from_millis(200);
/// A node that takes longer to answer is not well.
const DEADLINE: Duration = Duration::from_secs(30);

/// Replicate a database once (or until interrupted) by the running node, and show how far it is
#[derive(Debug, Args)]
pub(crate) struct Replicate {
    /// A database of the node, a URL (http://name:password@host:5984/database), or node://NAME/database
    source: String,
    /// The same, of where documents go to
    target: String,
    /// Go on with what changes, until interrupted
    #[arg(long)]
    continuous: bool,
    /// Make the target where it is missing
    #[arg(long)]
    create_target: bool,
    /// Replicate these documents alone
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    doc_ids: Vec<String>,
    /// Replicate documents alone that match this JSON object, as _find takes it
    #[arg(long, value_name = "JSON")]
    selector: Option<String>,
    /// Replicate documents alone that a function of the source lets pass: DESIGN/NAME
    #[arg(long, value_name = "FUNCTION")]
    filter: Option<String>,
    /// What that function is asked with; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "filter")]
    query_param: Vec<String>,
    /// Show the node's answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

impl Replicate {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request = self.request()?;
        let root = self.root.absolute()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Failure::Runtime)?;
        runtime.block_on(self.follow(&root, &request))
    }

    async fn follow(&self, root: &Path, request: &Value) -> Result<(), Failure> {
        // Before the start: whoever interrupts from then on is heard.
        let mut interrupts = Interrupts::new()?;
        let mut node = Node::open(root).await?;
        let started = node.ask(&["start", &request.to_string()]).await?;
        let id = started.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut progress = Progress::new();
        loop {
            let told = node.ask(&["show", &id]).await?;
            if let Some(answer) = told.get("ended") {
                progress.ended(answer, self.json);
                return Ok(());
            }
            progress.show(&told);
            tokio::select! {
                () = interrupts.next() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        progress.interrupted();
        // What somebody else wants too goes on.
        if started.get("joined") != Some(&Value::Bool(true)) {
            let cancelled = node.ask(&["cancel", &id]).await;
            unless_over(cancelled.map(|_| ()))?;
        }
        if self.continuous { Ok(()) } else { Err(Failure::Interrupted) }
    }
}

/// What came of stopping a replication: one that the node does not know any more came to its end by itself,
/// between the last look and the interruption.
fn unless_over(cancelled: Result<(), Failure>) -> Result<(), Failure> {
    match cancelled {
        Err(Failure::Console(ClientError::Refused { error, .. })) if error == "not_found" => Ok(()),
        other => other,
    }
}

/// SIGINT and SIGTERM.
struct Interrupts(Signal, Signal);

impl Interrupts {
    fn new() -> Result<Self, Failure> {
        let of = |kind| signal(kind).map_err(Failure::Runtime);
        Ok(Self(of(SignalKind::interrupt())?, of(SignalKind::terminate())?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

/// A session of the running node's console.
struct Node(Connection);

impl Node {
    async fn open(root: &Path) -> Result<Self, Failure> {
        Ok(Self(in_time(Connection::open(root)).await?))
    }

    async fn ask(&mut self, arguments: &[&str]) -> Result<Value, Failure> {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let request = Request { command: "replicate".to_owned(), arguments };
        in_time(self.0.request(&request)).await
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, ClientError>>) -> Result<T, Failure> {
    match tokio::time::timeout(DEADLINE, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Failure::NoAnswer(DEADLINE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_ended_while_it_was_interrupted_is_no_mistake_of_whoever_asks() {
        let refused = |error: &str| {
            let (error, reason) = (error.to_owned(), "missing".to_owned());
            Err(Failure::Console(ClientError::Refused { error, reason }))
        };
        assert!(unless_over(Ok(())).is_ok());
        assert!(unless_over(refused("not_found")).is_ok());
        assert!(unless_over(refused("unavailable")).is_err());
    }
}
