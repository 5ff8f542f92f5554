//! The other half: what a command line or a script does with the socket.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::backup::{self, BACKUP, FROM};
use crate::protocol::{GONE, Reply, Request};
use crate::socket::{Address, SocketError, socket_path};

/// Longest answer that is read: a tree of some 50,000 actors. What is longer is no answer of ours.
const ANSWER_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// Longest block of a backup that is read: rows are gathered up to 1 MiB, and the longest row is what a
/// request may hold.
const BLOCK_LIMIT_BYTES: u32 = 1024 * 1024 * 1024;

/// Why a command brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("no node is running under this root (nobody listens on {}): start it, or name its root with --root", .0.display())]
    NotRunning(PathBuf),
    /// Somebody else's node.
    #[error("{}: permission denied: only the user who runs the node may use its console", .0.display())]
    Denied(PathBuf),
    /// The socket cannot be used.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The connection broke, or what came is no answer.
    #[error("the node ended the connection before it answered: {0}")]
    Lost(#[source] io::Error),
    /// The node refused.
    #[error("{reason}")]
    Refused {
        /// A name for programs.
        error: String,
        /// A sentence for people.
        reason: String,
    },
}

/// An open session.
#[derive(Debug)]
pub struct Connection(BufReader<UnixStream>);

impl Connection {
    /// Connects to the node that runs under `root`.
    pub async fn open(root: &Path) -> Result<Self, ClientError> {
        let path = socket_path(root);
        let address = match Address::of(root) {
            Err(SocketError::System { source, path }) => return Err(unreachable(source, path)),
            address => address?,
        };
        match UnixStream::connect(&address.path).await {
            Ok(stream) => Ok(Self(BufReader::new(stream))),
            Err(source) => Err(unreachable(source, path)),
        }
    }

    /// Sends one command and waits for its answer, as long as it takes. A backup's is more than a line, and
    /// [`Connection::backup`] and [`Connection::backup_from`] ask for it.
    pub async fn request(&mut self, request: &Request) -> Result<Value, ClientError> {
        if [BACKUP, FROM].contains(&request.command.as_str()) {
            return Err(ClientError::Refused {
                error: "bad_arguments".to_owned(),
                reason: "refuge backup FILE writes one".to_owned(),
            });
        }
        self.exchange(request).await
    }

    async fn exchange(&mut self, request: &Request) -> Result<Value, ClientError> {
        let sent = self.send(request).await;
        // Whoever is refused has an answer, though nobody takes the question.
        match (self.answer().await, sent) {
            (Err(ClientError::Lost(_)), Err(error)) => Err(ClientError::Lost(error)),
            (answer, _) => answer,
        }
    }

    async fn answer(&mut self) -> Result<Value, ClientError> {
        match self.reply().await.map_err(ClientError::Lost)? {
            Reply::Ok { ok } => Ok(ok),
            Reply::Error { error, reason } => Err(ClientError::Refused { error, reason }),
        }
    }

    /// Asks for a backup that is read once; what the node tells of it before the first block.
    /// [`Connection::block`] takes the blocks, all of them.
    pub async fn backup(&mut self, databases: Vec<String>) -> Result<Value, ClientError> {
        self.ask(BACKUP, databases).await
    }

    /// Takes a snapshot for backups; what the node tells of it.
    pub async fn hold_snapshot(&mut self, databases: Vec<String>) -> Result<Value, ClientError> {
        self.ask(backup::HOLD, databases).await
    }

    /// Takes the snapshot that an earlier session held; none where it is kept no more.
    pub async fn hold_snapshot_again(
        &mut self,
        snapshot: String,
    ) -> Result<Option<Value>, ClientError> {
        unless_gone(self.ask(backup::HOLD_AGAIN, vec![snapshot]).await)
    }

    /// Asks for the blocks of the snapshot behind a place, or for all; as [`Connection::backup`]. None where
    /// it is kept no more, or was read too often.
    pub async fn backup_from(
        &mut self,
        behind: Option<&[u8]>,
    ) -> Result<Option<Value>, ClientError> {
        let behind = behind.map(backup::digits_of).into_iter().collect();
        unless_gone(self.ask(FROM, behind).await)
    }

    /// The snapshot is needed no more.
    pub async fn let_snapshot_go(&mut self) -> Result<Value, ClientError> {
        self.ask(backup::DONE, Vec::new()).await
    }

    async fn ask(&mut self, command: &str, arguments: Vec<String>) -> Result<Value, ClientError> {
        self.exchange(&Request { command: command.to_owned(), arguments }).await
    }

    /// The next block of a backup; none when all of them have come.
    pub async fn block(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).await.map_err(ClientError::Lost)?;
        let length = u32::from_le_bytes(length);
        if length > BLOCK_LIMIT_BYTES {
            let reason = format!("a block of {length} bytes is none");
            return Err(ClientError::Lost(io::Error::other(reason)));
        }
        if length == 0 {
            return self.answer().await.map(|_| None);
        }
        let mut block = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
        self.0.read_exact(&mut block).await.map_err(ClientError::Lost)?;
        Ok(Some(block))
    }

    /// Waits until the node ends the session.
    pub async fn ended(&mut self) {
        let mut rest = [0; 1024];
        // An error is an end, too.
        while matches!(self.0.read(&mut rest).await, Ok(1..)) {}
    }

    async fn send(&mut self, request: &Request) -> io::Result<()> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.0.write_all(&line).await?;
        self.0.flush().await
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        let mut line = Vec::new();
        (&mut self.0).take(ANSWER_LIMIT_BYTES).read_until(b'\n', &mut line).await?;
        Ok(serde_json::from_slice(&line)?)
    }
}

fn unless_gone(outcome: Result<Value, ClientError>) -> Result<Option<Value>, ClientError> {
    match outcome {
        Err(ClientError::Refused { error, .. }) if error == GONE => Ok(None),
        outcome => outcome.map(Some),
    }
}

fn unreachable(source: io::Error, path: PathBuf) -> ClientError {
    match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => ClientError::NotRunning(path),
        io::ErrorKind::PermissionDenied => ClientError::Denied(path),
        _ => SocketError::System { path, source }.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use serde_json::json;
    use tokio::net::UnixListener;

    use super::*;
    use crate::{Control, ControlError, bind, serve_session};

    struct Node;

    #[async_trait]
    impl Control for Node {
        async fn tree(&self) -> Result<Value, ControlError> {
            Ok(json!({"name": "root"}))
        }

        async fn kill(&self, name: &str) -> Result<(), ControlError> {
            Err(ControlError::NotFound(name.to_owned()))
        }
    }

    fn request(command: &str, arguments: &[&str]) -> Request {
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        Request { command: command.to_owned(), arguments }
    }

    #[tokio::test]
    async fn a_client_speaks_with_its_node_over_the_socket() {
        let root = tempfile::tempdir().unwrap();
        for root in [root.path().to_owned(), root.path().join("y".repeat(150))] {
            let listener = UnixListener::from_std(bind(&root).unwrap()).unwrap();
            tokio::spawn(async move {
                let (stream, _) = listener.accept().await.unwrap();
                serve_session(stream, Arc::new(Node)).await.unwrap();
            });
            let mut connection = Connection::open(&root).await.unwrap();
            let tree = connection.request(&request("tree", &[])).await.unwrap();
            assert_eq!(tree, json!({"name": "root"}));
            let error = connection.request(&request("kill", &["x"])).await.unwrap_err();
            assert!(error.to_string().contains("no actor is called \"x\""), "{error}");
        }
    }

    #[tokio::test]
    async fn a_backup_is_no_command_of_one_line() {
        let root = tempfile::tempdir().unwrap();
        let listener = UnixListener::from_std(bind(root.path()).unwrap()).unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve_session(stream, Arc::new(Node)).await.unwrap();
        });
        let mut connection = Connection::open(root.path()).await.unwrap();
        let error = connection.request(&request("backup", &[])).await.unwrap_err();
        assert!(error.to_string().contains("refuge backup FILE"), "{error}");
        // The node was not asked, and the session goes on.
        let tree = connection.request(&request("tree", &[])).await.unwrap();
        assert_eq!(tree, json!({"name": "root"}));
        let error = connection.backup(Vec::new()).await.unwrap_err();
        assert!(error.to_string().contains("knows nothing of backups"), "{error}");
    }

    #[tokio::test]
    async fn without_a_node_the_answer_says_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let not_running = |outcome: Result<Connection, ClientError>| {
            assert!(matches!(outcome, Err(ClientError::NotRunning(_))), "{outcome:?}");
        };
        not_running(Connection::open(root.path()).await);
        not_running(Connection::open(&root.path().join("z".repeat(150))).await);
        drop(bind(root.path()).unwrap());
        not_running(Connection::open(root.path()).await);
    }

    #[tokio::test]
    async fn a_node_that_goes_away_is_told() {
        let root = tempfile::tempdir().unwrap();
        let listener = UnixListener::from_std(bind(root.path()).unwrap()).unwrap();
        tokio::spawn(async move { drop(listener.accept().await.unwrap()) });
        let mut connection = Connection::open(root.path()).await.unwrap();
        let outcome = connection.request(&request("tree", &[])).await;
        assert!(matches!(outcome, Err(ClientError::Lost(_))), "{outcome:?}");
    }
}
