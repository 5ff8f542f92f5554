//! `refuge identity`.

use std::io::{IsTerminal, Write};

use clap::Args;
use refuge_console::{Request, render_identity};

use super::{Root, console};
use crate::exit::Failure;

/// Show the running node's id, its name, and the id as a QR code
#[derive(Debug, Args)]
pub(crate) struct Identity {
    #[command(flatten)]
    root: Root,
    /// As JSON, with the certificate
    #[arg(long)]
    json: bool,
}

impl Identity {
    pub(crate) fn run(self) -> Result<(), Failure> {
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
