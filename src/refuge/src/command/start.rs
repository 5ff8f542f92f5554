//! `refuge start`: a node in the background. The node is this program's `foreground` in a session of its
//! own; what it says until it is up is passed on, its log goes to files.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::Args;
use refuge_config::Layout;

use super::foreground::{How, READY};
use super::{console, waiting};
use crate::exit::Failure;

/// What the node writes to standard error in the background; begun anew at each start.
const LAST_START: &str = "last-start.log";
/// As much of it is shown where the node does not start.
const SHOWN_BYTES: u64 = 4 * 1024;

/// Run a node in the background; returns when every part of it is up
#[derive(Debug, Args)]
pub(crate) struct Start {
    #[command(flatten)]
    how: How,
}

impl Start {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let root = self.how.root.absolute()?;
        if console::ask(&root, &console::command("status")).is_ok() {
            return Err(Failure::Running(root));
        }
        let layout = Layout::new(&root);
        crate::directories::make(&layout)?;
        let told = layout.log().join(LAST_START);
        let errors = File::create(&told)
            .map_err(|source| Failure::Directory { path: told.clone(), source })?;
        let mut child = self.command(&root, errors)?.spawn().map_err(Failure::Runtime)?;
        if !pass_on(&mut child) {
            return Err(did_not_start(&mut child, &told));
        }
        let process = child.id();
        waiting::until_up(&root, |status| status.get("pid") == Some(&process.into())).map(drop)
    }

    fn command(&self, root: &Path, errors: File) -> Result<Command, Failure> {
        let program = std::env::current_exe().map_err(Failure::Runtime)?;
        let mut command = Command::new(program);
        command.args(["foreground", "--detached", "--root"]).arg(root);
        for file in &self.how.config {
            command.arg("--config").arg(file);
        }
        for set in &self.how.set {
            command.args(["--set", set]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        Ok(command)
    }
}

/// Shows what the node says until it listens; false when it ended before. Nobody listens afterwards, which
/// the node does not mind.
fn pass_on(child: &mut Child) -> bool {
    let Some(output) = child.stdout.take() else { return false };
    let mut up = false;
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line == up_line() {
            return up;
        }
        up |= line.starts_with(READY);
        let _ = writeln!(std::io::stdout(), "{line}");
    }
    false
}

/// The line behind which nothing more is for whoever started the node.
pub(super) fn up_line() -> &'static str {
    "refuge is up"
}

fn did_not_start(child: &mut Child, told: &Path) -> Failure {
    let code = child.wait().ok().and_then(|status| status.code());
    let mut text = String::new();
    let last = File::open(told).and_then(|file| file.take(SHOWN_BYTES).read_to_string(&mut text));
    // What it wrote stays in the file.
    drop(last);
    let reason = text.lines().filter_map(|line| line.strip_prefix("refuge: ")).next_back();
    let reason = reason.map_or_else(|| format!("see {}", told.display()), str::to_owned);
    Failure::DidNotStart { reason, code: code.and_then(|code| u8::try_from(code).ok()) }
}
