//! Whoever comes to a node's mesh port with a certificate: curl, which knows nothing of nodes.

use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::{Certificate, PATIENCE};

/// Divides the body of an answer from what curl tells of it: no answer holds it.
const DIVIDER: &str = "\u{1e}";

/// A visitor of one node.
pub struct Visitor<'a> {
    /// The node's mesh port.
    pub address: SocketAddr,
    /// What it shows; nothing without one.
    pub certificate: Option<&'a Certificate>,
    /// Further arguments of curl for all that it asks.
    pub arguments: &'a [&'a str],
}

/// An answer to a visitor.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code; 0 when there was no answer.
    pub status: u16,
    /// `1.1`, `2`.
    pub version: String,
    /// Seconds until the answer was whole; those of the first include TCP's and TLS's beginning.
    pub seconds: f64,
    /// The body as text.
    pub text: String,
}

impl Answer {
    /// The same answer, once its status is `status`.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        let read = serde_json::from_str(&self.text);
        read.unwrap_or_else(|error| panic!("no JSON ({error}): {:?}", self.text))
    }
}

impl<'a> Visitor<'a> {
    /// Somebody with this certificate.
    pub fn with(address: SocketAddr, certificate: &'a Certificate) -> Self {
        Self { address, certificate: Some(certificate), arguments: &[] }
    }

    /// Asks for one path.
    pub async fn get(&self, path: &str) -> Answer {
        self.ask(&[&[path]]).await.remove(0)
    }

    /// Asks several things over one connection, each arguments of curl with the path at their end.
    pub async fn ask(&self, requests: &[&[&str]]) -> Vec<Answer> {
        let mut command = self.curl();
        for (number, request) in requests.iter().enumerate() {
            if number > 0 {
                command.arg("--next");
            }
            self.add(&mut command, request);
            let told =
                format!("{DIVIDER}%{{http_code}} %{{http_version}} %{{time_total}}{DIVIDER}");
            command.args(["-w", &told]);
        }
        let told = tokio::time::timeout(PATIENCE, command.output()).await;
        let told = told.expect("curl ends").expect("curl: run release/system-packages test");
        let text = String::from_utf8(told.stdout).expect("text");
        let mut parts = text.split(DIVIDER);
        let mut answers = Vec::new();
        while let (Some(body), Some(told)) = (parts.next(), parts.next()) {
            let words: Vec<&str> = told.split(' ').collect();
            answers.push(Answer {
                status: words[0].parse().expect("a status"),
                version: words[1].to_owned(),
                seconds: words[2].parse().expect("a time"),
                text: body.to_owned(),
            });
        }
        assert_eq!(answers.len(), requests.len(), "{text}");
        answers
    }

    /// Asks for something whose answer keeps coming.
    pub fn follow(&self, path: &str) -> Followed {
        let mut command = self.curl();
        self.add(&mut command, &["-N", path]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("curl");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Followed { lines, _child: child }
    }

    fn curl(&self) -> Command {
        let mut command = Command::new("curl");
        command.args(["-q", "--noproxy", "*"]).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// `--next` forgets all options, so each request has them all.
    fn add(&self, command: &mut Command, request: &[&str]) {
        command.args(["-s", "-k", "--path-as-is"]).args(self.arguments);
        if let Some(certificate) = self.certificate {
            command.arg("--cert").arg(&certificate.certificate);
            command.arg("--key").arg(&certificate.key);
        }
        let (path, further) = request.split_last().expect("a path");
        command.args(further).arg(format!("https://{}{path}", self.address));
    }
}

/// An answer that keeps coming.
pub struct Followed {
    lines: Lines<BufReader<ChildStdout>>,
    _child: Child,
}

impl Followed {
    /// The next line; `None` when the answer or its connection has ended.
    pub async fn next(&mut self) -> Option<String> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await;
        line.expect("a line or the end").ok().flatten()
    }
}
