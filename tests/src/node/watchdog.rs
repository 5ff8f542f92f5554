//! Nodes do not outlive their test, however it ends.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A shell that waits for the test's process to end, however it ends, and then kills the node and
/// removes its root: a node that tests share is never dropped.
pub(super) struct Watchdog {
    child: Child,
    leash: Option<ChildStdin>,
}

impl Watchdog {
    pub(super) fn over(node: &Child, root: Option<&Path>) -> Self {
        let script =
            r#"read -r _; kill -s KILL -- "-$1" 2>/dev/null; [ -z "$2" ] || rm -rf -- "$2""#;
        let mut child = Command::new("sh")
            .args(["-c", script, "watchdog", &node.id().to_string()])
            .arg(root.unwrap_or(Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("sh");
        let leash = child.stdin.take();
        Self { child, leash }
    }

    pub(super) fn end(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        self.leash.take();
    }

    pub(super) fn dismiss(mut self) {
        self.end();
    }
}
