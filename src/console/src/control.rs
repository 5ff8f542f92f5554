//! What the commands ask of the node.

use std::time::Duration;

use async_trait::async_trait;
use refuge_mesh::MeshCommand;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;

use crate::backup::SnapshotWish;

/// A node, as the console sees it.
#[async_trait]
pub trait Control: Send + Sync + 'static {
    /// The live supervision tree: an object with `name`, `kind`, `state`, `mailbox`, `restarts`,
    /// `uptime_seconds` and `children` (of the same shape, in start order).
    async fn tree(&self) -> Result<Value, ControlError>;

    /// Kills the actor of this name or path; its supervisor does the rest.
    async fn kill(&self, name: &str) -> Result<(), ControlError>;

    /// Answers a question, or does what is asked. What each answers with stands at [`Question`].
    async fn ask(&self, question: Question) -> Result<Value, ControlError> {
        let _ = question;
        Err(absent("that"))
    }

    /// A consistent snapshot, of everything or of these databases: its rows in blocks, as they are read.
    /// `Err` in the stream is its end.
    async fn backup(&self, databases: Vec<String>) -> Result<BackupStream, ControlError> {
        let _ = databases;
        Err(absent("backups"))
    }

    /// Takes a snapshot for the rest of the session, or one that an earlier session took, and keeps it for a
    /// while where the session ends without [`Control::let_snapshot_go`]: an object with `snapshot` (its
    /// name, by chance), `version`, `databases`, `about_bytes` and `kept_seconds`.
    /// [`ControlError::Gone`] where it is kept no more.
    async fn hold_snapshot(&self, wish: SnapshotWish) -> Result<Value, ControlError> {
        let _ = wish;
        Err(absent("backups"))
    }

    /// The blocks of the session's snapshot, as [`Control::backup`], or those behind a place (the number
    /// of a block's keyspace and the block's last key).
    async fn backup_from(&self, behind: Option<Vec<u8>>) -> Result<BackupStream, ControlError> {
        let _ = behind;
        Err(absent("backups"))
    }

    /// The session's snapshot is needed no more: `{"done": true}`.
    async fn let_snapshot_go(&self) -> Result<Value, ControlError> {
        Err(absent("backups"))
    }

    /// Who this node is: an object with `id`, `people` (the id as people read it), `name` and
    /// `certificate` (PEM). [`ControlError::Unavailable`] while the key is being made.
    async fn identity(&self) -> Result<Value, ControlError> {
        Err(absent("its identity"))
    }

    /// Changes or lists the nodes that this one knows. [`PeerCommand::List`] answers
    /// `{"peers": [{"id", "name", "trust", "groups", "addresses", "up", …}, …]}`, all others
    /// `{"id", "name"}` of the node that was changed.
    async fn peer(&self, command: PeerCommand) -> Result<Value, ControlError> {
        let _ = command;
        Err(absent("other nodes"))
    }

    /// What an admin asks of the mesh; each command tells what it answers.
    async fn mesh(&self, command: MeshCommand) -> Result<Value, ControlError> {
        let _ = command;
        Err(absent("other nodes"))
    }

    /// The last runs of event hooks, oldest first: `{"waiting", "at_work", "refused", "runs":
    /// [{"number", "event", "node", "name", "hook", "started_ms", "took_ms", "status", "outcome",
    /// "output"}, …]}`.
    async fn hooks(&self) -> Result<Value, ControlError> {
        Err(absent("hooks"))
    }

    /// Starts a replication, or joins it where it runs: `{"id", "joined"}`. `request` is an object as
    /// `_replicate` takes it.
    async fn replicate(&self, request: &Value) -> Result<Value, ControlError> {
        let _ = request;
        Err(absent("replications"))
    }

    /// How a replication that was started in this session fares: `{"state", "error", "task"}` with the
    /// members of an active task, and once `{"ended": …}` with the answer that `_replicate` gives. One of a
    /// document is named by the document as well, and has `nodes` where it runs towards several.
    async fn replication(&self, id: &str) -> Result<Value, ControlError> {
        let _ = id;
        Err(absent("replications"))
    }

    /// Stops a replication.
    async fn cancel_replication(&self, id: &str) -> Result<Value, ControlError> {
        let _ = id;
        Err(absent("replications"))
    }
}

fn absent(what: &str) -> ControlError {
    ControlError::Unavailable(format!("this node knows nothing of {what}"))
}

/// The blocks of a backup; the stream's end is that of the backup.
pub struct BackupStream {
    /// What is told before the first block: `{"version", "databases", "about_bytes"}`.
    pub about: Value,
    /// The blocks, a few of them ahead of whoever takes them.
    pub blocks: Receiver<Result<Vec<u8>, String>>,
}

/// What is asked of a node, with the shape of each answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Whether every part is up: `"pong"`, else [`ControlError::Unavailable`] names the part.
    Ping,
    /// `{"state", "version", "pid", "root", "address", "uptime_seconds", "actors", "restarts",
    /// "open_databases", "connections", "resident_bytes", "parts": [{"name", "state"}, …]}`.
    Status,
    /// Shut down in order: `{"stopping": true}`, before it does.
    Stop,
    /// End in order and go on as another version of the release: `{"upgrading": VERSION}`, before it does.
    /// [`ControlError::Refused`] where that version is not there.
    Upgrade(String),
    /// Restart an actor in order, or the whole node: `{"restarting": NAME}`, before it does.
    Restart(Option<String>),
    /// One actor: the members of the tree without `children`, and `children` as a number.
    Actor(String),
    /// The messages that pass an actor: `{"actor", "messages": [{"after_ms", "message", "variant",
    /// "took_us", "outcome"}, …]}`, when there are enough or the time is over.
    Trace(TraceWish),
    /// Databases whose names begin so: `{"databases": [{"name", "documents", "deleted", "bytes",
    /// "sequence", "open"}, …], "more"}`.
    Databases(String),
    /// One database: `{"name", "documents", "deleted", "sequence", "purge_sequence", "file_bytes",
    /// "active_bytes", "external_bytes", "shards", "partitioned", "revisions_limit", "compact_running",
    /// "security"}`.
    Database(String),
    /// Compact one: `{"compacting": NAME}`.
    Compact(String),
    /// `{"indexers": [{"name", "database", …}, …]}`.
    Indexers,
    /// `{"replications": [{"id", "state", "source", "target", …}, …], "total"}`.
    Replications,
    /// `{"sessions": [{"kind", "name", "uptime_seconds"}, …]}`; a kind is `console`, `http` or `mesh`.
    Sessions,
    /// Settings: `{SECTION: {KEY: VALUE}}`, or `{"before": VALUE}` of a change.
    Configuration(ConfigurationWish),
    /// `{"lines": [TEXT, …]}`, or `{"level", "modules"}` of a change.
    Log(LogWish),
    /// `{"events": [{"time", "event", …}, …]}`, the newest last; those of other nodes have `seq`, their number at
    /// `_mesh/events`, and those of this one `own_seq`.
    Events(usize),
    /// `{"metrics": [{"name", "value"}, …]}` of those whose names hold this.
    Statistics(String),
    /// `{"problems": [{"what", "do"}, …]}`.
    Check,
    /// What the observer shows: `{"status", "tree", "requests", "disk", "tasks", "peers"}`.
    Observe,
}

/// Which messages are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceWish {
    /// The actor's name or path.
    pub actor: String,
    /// For how long at most.
    pub time: Duration,
    /// How many at most.
    pub messages: usize,
}

/// What is wanted of the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigurationWish {
    /// Show all, a section, or one key.
    Show {
        /// The section.
        section: Option<String>,
        /// The key in it.
        key: Option<String>,
    },
    /// Change one for good; none goes back to what is set elsewhere.
    Set {
        /// The section.
        section: String,
        /// The key.
        key: String,
        /// The value.
        value: Option<String>,
    },
    /// Read the files anew.
    Reload,
}

/// What is wanted of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogWish {
    /// So many of its last lines.
    Last(usize),
    /// Log so much until the next start, of one module or of all.
    Level {
        /// `error`, `warn`, `info`, `debug`, `trace` or `off`.
        level: String,
        /// A module, such as `refuge_http`.
        module: Option<String>,
    },
}

/// What is to be done about other nodes. Texts are as they were typed; the node judges them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerCommand {
    /// Know a node from now on, and trust it. For a node that is known already: trust it, and change
    /// what is given.
    Add(NewPeer),
    /// Tell of all.
    List,
    /// Forget this one (an id or a local name).
    Remove(String),
    /// Let this one in no more, not even anonymously.
    Block(String),
    /// Trust this one, which is known already.
    Trust(String),
}

/// A node that is made known by hand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewPeer {
    /// Its id in either form.
    pub id: String,
    /// What it is called here; made from the id where absent.
    pub name: Option<String>,
    /// Where it listens: `host:port`.
    pub addresses: Vec<String>,
    /// The groups it is in, without `group:`.
    pub groups: Vec<String>,
}

/// Why a command was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// No such actor.
    #[error("no actor is called {0:?}: `refuge tree` shows the names")]
    NotFound(String),
    /// No such database.
    #[error("no database is called {0:?}: `dbs` shows the names")]
    NoDatabase(String),
    /// No such node.
    #[error("no node is known as {0:?}: `refuge peer list` shows those that are")]
    UnknownPeer(String),
    /// A snapshot that is kept no more, or never was.
    #[error("the node keeps that snapshot no more: begin a new backup")]
    Gone,
    /// What was typed cannot be done, and why.
    #[error("{0}")]
    Refused(String),
    /// A replication failed, or cannot be.
    #[error("{reason}")]
    Replication {
        /// CouchDB's word.
        error: String,
        /// Why.
        reason: String,
    },
    /// Not now, and why.
    #[error("{0}")]
    Unavailable(String),
}
