//! The console's socket: one JSON line in, one out.

use std::path::{Path, PathBuf};

use refuge_otp::TreeNode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::{Broken, PATIENCE};

/// Speaks to the console of one node.
#[derive(Clone, Debug)]
pub struct Console {
    socket: PathBuf,
}

impl Console {
    /// The console of the node under `root`.
    pub fn of(root: &Path) -> Self {
        Self { socket: root.join("var/run/console.sock") }
    }

    /// Where the socket lies.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends one command; the whole answer.
    pub async fn command(&self, command: &str, arguments: &[&str]) -> Result<Value, Broken> {
        let line = json!({"command": command, "arguments": arguments}).to_string();
        self.line(&line).await
    }

    /// Sends one line as it is written, right or wrong; the whole answer.
    pub async fn line(&self, line: &str) -> Result<Value, Broken> {
        let talk = async {
            let stream = UnixStream::connect(&self.socket).await?;
            let (input, mut output) = stream.into_split();
            output.write_all(format!("{line}\n").as_bytes()).await?;
            let mut answer = String::new();
            BufReader::new(input).read_line(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answer = tokio::time::timeout(PATIENCE, talk)
            .await
            .unwrap_or_else(|_| panic!("the console did not answer {line}"))
            .map_err(|error| Broken(format!("console: {error}")))?;
        serde_json::from_str(&answer)
            .map_err(|error| Broken(format!("console answered {answer:?}: {error}")))
    }

    /// Ends an actor at once, as a defect would.
    pub async fn kill(&self, name: &str) -> Result<Value, Broken> {
        self.command("kill", &[name]).await
    }

    /// The live tree.
    pub async fn tree(&self) -> Result<TreeNode, Broken> {
        let answer = self.command("tree", &[]).await?;
        match answer.get("ok") {
            Some(tree) => Ok(serde_json::from_value(tree.clone())
                .unwrap_or_else(|error| panic!("{tree} is no tree: {error}"))),
            None => Err(Broken(format!("tree answered {answer}"))),
        }
    }
}
