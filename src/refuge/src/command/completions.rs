//! `refuge completions SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::Line;
use crate::exit::Failure;

/// Write what a shell needs to complete this command line
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let mut text = Vec::new();
        generate(self.shell, &mut Line::command(), "refuge", &mut text);
        // A reader that went away has seen enough.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), &text);
        Ok(())
    }
}
