//! `refuge status`.

use clap::Args;

use super::{Root, console};
use crate::exit::Failure;

/// Show the running node in a few lines: version, process, address, memory, parts
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

impl Status {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request = console::command("status");
        let answer = console::ask(&self.root.absolute()?, &request)?;
        console::show(&request, &answer, self.json);
        Ok(())
    }
}
