//! `refuge rpc COMMAND [ARGUMENT]…`.

use clap::Args;
use refuge_console::Request;

use super::{Root, console};
use crate::exit::Failure;

/// Carry out one command of the console, word by word, and show its answer as a line of JSON
#[derive(Debug, Args)]
pub(crate) struct Rpc {
    /// The command and its arguments; `refuge eval help` tells all
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    #[command(flatten)]
    root: Root,
}

impl Rpc {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let root = self.root.absolute()?;
        let mut words = self.words.into_iter();
        let command = words.next().unwrap_or_default();
        let request = Request { command, arguments: words.collect() };
        let answer = console::ask(&root, &request)?;
        console::show(&request, &answer, true);
        Ok(())
    }
}
