//! `refuge identity`.

use std::io::{IsTerminal, Write};

use clap::{Args, Subcommand};
use refuge_console::{Request, render_identity};
use serde_json::Value;

use super::{Root, console};
use crate::exit::Failure;

/// Show the running node's id, its name, and the id as a QR code
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Identity {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    root: Root,
    /// As JSON, with the certificate
    #[arg(long)]
    json: bool,
}

/// What is to be done with it.
#[derive(Debug, Subcommand)]
enum Action {
    /// Make another key, which the node has from its next start on; peers that it can reach follow it
    Rotate(Rotate),
}

/// Another key.
#[derive(Debug, Args)]
struct Rotate {
    #[command(flatten)]
    root: Root,
}

impl Rotate {
    fn run(&self) -> Result<(), Failure> {
        let arguments = vec!["rotate".to_owned()];
        let request = Request { command: "identity".to_owned(), arguments };
        let told = console::ask(&self.root.absolute()?, &request)?;
        let text = |member: &str| told.get(member).and_then(Value::as_str).unwrap_or_default();
        let (next, people) = (text("next"), text("people"));
        let line = format!("the node is {next} ({people}) once it is started again\n");
        console::say(&line);
        Ok(())
    }
}

impl Identity {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if let Some(Action::Rotate(rotate)) = self.action {
            return rotate.run();
        }
        let request = Request { command: "identity".to_owned(), arguments: Vec::new() };
        let identity = console::ask(&self.root.absolute()?, &request)?;
        let mut output = std::io::stdout();
        let text = if self.json {
            format!("{identity}\n")
        } else {
            render_identity(&identity, output.is_terminal())
        };
        // A reader that went away has seen enough.
        let _ = output.write_all(text.as_bytes());
        Ok(())
    }
}
