//! `refuge eval "COMMAND"`.

use clap::Args;
use refuge_console::parse_line;

use super::{Root, console};
use crate::exit::Failure;

/// Carry out one command of the console, as it is typed there, and show its answer
#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// The command, such as "db cities"; `help` tells all
    command: String,
    #[command(flatten)]
    root: Root,
}

impl Eval {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request =
            parse_line(&self.command).map_err(|error| Failure::Usage(error.to_string()))?;
        let answer = console::ask(&self.root.absolute()?, &request)?;
        console::show(&request, &answer, false);
        Ok(())
    }
}
