//! The node's half of one session: lines in, lines out, one at a time.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};

use crate::control::Control;
use crate::protocol::{LINE_LIMIT_BYTES, Reply, Request};
use crate::{backup, command};

/// Serves one session until the other side ends it. A line that is too long is answered and ends it,
/// since nobody knows where the next one begins.
pub async fn serve_session<S>(stream: S, control: Arc<dyn Control>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    loop {
        line.clear();
        // The line's end is one byte more than its limit.
        let most = LINE_LIMIT_BYTES as u64 + 1;
        (&mut stream).take(most).read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Ok(());
        }
        let too_long = line.len() > LINE_LIMIT_BYTES && line.last() != Some(&b'\n');
        let reply = if too_long {
            let reason = format!("a line holds at most {LINE_LIMIT_BYTES} bytes");
            Reply::error("line_too_long", reason)
        } else if let Some(wish) = backup::wish_of(&line) {
            match wish {
                Ok(wish) => backup::answer(&mut stream, wish, control.as_ref()).await?,
                Err(reply) => reply,
            }
        } else {
            answer(&line, control.as_ref()).await
        };
        stream.write_all(&reply.line()?).await?;
        stream.flush().await?;
        if too_long {
            return Ok(());
        }
    }
}

async fn answer(line: &[u8], control: &dyn Control) -> Reply {
    match serde_json::from_slice::<Request>(line) {
        Ok(request) => command::run(&request, control).await,
        Err(error) => Reply::error(
            "bad_request",
            format!("a line is {{\"command\": NAME, \"arguments\": [TEXT, …]}}: {error}"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use serde_json::{Value, json};
    use tokio::sync::Mutex;

    use super::*;
    use crate::ControlError;

    #[derive(Default)]
    struct Node {
        killed: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Control for Node {
        async fn tree(&self) -> Result<Value, ControlError> {
            Ok(json!({"name": "root", "children": []}))
        }

        async fn kill(&self, name: &str) -> Result<(), ControlError> {
            if name == "nobody" {
                return Err(ControlError::NotFound(name.to_owned()));
            }
            self.killed.lock().await.push(name.to_owned());
            Ok(())
        }
    }

    /// Sends `input`, ends the writing half, and gives back all answers.
    async fn exchange(input: &[u8], node: &Arc<Node>) -> Vec<Value> {
        let (near, far) = tokio::io::duplex(1024);
        let control: Arc<dyn Control> = Arc::<Node>::clone(node);
        let server = tokio::spawn(serve_session(far, control));
        let (mut reader, mut writer) = tokio::io::split(near);
        let input = input.to_vec();
        let writing = tokio::spawn(async move {
            // The server may end the session in the middle of a line that is too long.
            let _ = writer.write_all(&input).await;
            let _ = writer.shutdown().await;
        });
        let mut text = String::new();
        reader.read_to_string(&mut text).await.unwrap();
        drop(reader);
        writing.await.unwrap();
        server.await.unwrap().unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[tokio::test]
    async fn lines_are_answered_one_by_one() {
        let node = Arc::new(Node::default());
        let input = b"{\"command\":\"tree\"}\n{\"command\":\"kill\",\"arguments\":[\"engine\"]}\n\
            {\"command\":\"kill\",\"arguments\":[\"nobody\"]}";
        let replies = exchange(input, &node).await;
        assert_eq!(replies[0], json!({"ok": {"name": "root", "children": []}}));
        assert_eq!(replies[1], json!({"ok": {"killed": "engine"}}));
        assert_eq!(replies[2]["error"], "not_found");
        assert_eq!(*node.killed.lock().await, ["engine"]);
    }

    #[tokio::test]
    async fn what_is_wrong_is_answered_and_the_session_goes_on() {
        let node = Arc::new(Node::default());
        let input = b"no json\n{\"command\":\"sing\"}\n{\"command\":\"kill\"}\n\
            {\"command\":\"tree\",\"more\":1}\n\xff\n\n{\"command\":\"tree\"}\n";
        let replies = exchange(input, &node).await;
        let errors: Vec<_> =
            replies.iter().map(|reply| reply["error"].as_str().unwrap_or("ok")).collect();
        assert_eq!(
            errors,
            [
                "bad_request",
                "unknown_command",
                "bad_arguments",
                "bad_request",
                "bad_request",
                "bad_request",
                "ok"
            ]
        );
        assert!(replies[1]["reason"].as_str().unwrap().contains("help tells all"));
    }

    #[tokio::test]
    async fn a_line_may_reach_its_limit_and_not_go_beyond() {
        let node = Arc::new(Node::default());
        let mut line = b"{\"command\":\"tree\"}".to_vec();
        line.resize(LINE_LIMIT_BYTES, b' ');
        line.push(b'\n');
        assert!(exchange(&line, &node).await[0].get("ok").is_some());
        line.insert(0, b' ');
        line.extend_from_slice(b"{\"command\":\"kill\",\"arguments\":[\"engine\"]}\n");
        let replies = exchange(&line, &node).await;
        assert_eq!(replies.len(), 1);
        assert_eq!(replies[0]["error"], "line_too_long");
        assert!(node.killed.lock().await.is_empty());
    }
}
