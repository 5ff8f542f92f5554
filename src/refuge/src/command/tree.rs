//! `refuge tree`.

use std::io::Write;

use clap::Args;
use refuge_console::{Request, render_tree};

use super::{Root, console};
use crate::exit::Failure;

/// Show the supervision tree of the running node
#[derive(Debug, Args)]
pub(crate) struct Tree {
    #[command(flatten)]
    root: Root,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Tree {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request = Request { command: "tree".to_owned(), arguments: Vec::new() };
        let tree = console::ask(&self.root.absolute()?, &request)?;
        let text = if self.json { format!("{tree}\n") } else { render_tree(&tree) };
        // A reader that went away (a pager, `head`) has seen enough.
        let _ = std::io::stdout().write_all(text.as_bytes());
        Ok(())
    }
}
