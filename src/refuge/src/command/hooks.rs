//! `refuge hooks`.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use refuge_console::{Request, render_hooks};

use super::{Root, console};
use crate::exit::Failure;

/// Show the last runs of event hooks, the newest last
#[derive(Debug, Args)]
pub(crate) struct Hooks {
    #[command(flatten)]
    root: Root,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Hooks {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request = Request { command: "hooks".to_owned(), arguments: Vec::new() };
        let runs = console::ask(&self.root.absolute()?, &request)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let text = if self.json { format!("{runs}\n") } else { render_hooks(&runs, now_ms) };
        // A reader that went away has seen enough.
        let _ = std::io::stdout().write_all(text.as_bytes());
        Ok(())
    }
}
