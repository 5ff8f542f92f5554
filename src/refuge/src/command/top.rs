//! `refuge top`.

use std::io::{self, IsTerminal};

use clap::Args;
use refuge_console::TopError;

use super::Root;
use super::console::Session;
use crate::exit::Failure;

/// Watch the running node on a whole screen: its tree, its busiest actors, its jobs, its peers
#[derive(Debug, Args)]
pub(crate) struct Top {
    #[command(flatten)]
    root: Root,
}

impl Top {
    pub(crate) fn run(self) -> Result<(), Failure> {
        if !io::stdout().is_terminal() {
            return Err(TopError::Terminal(io::Error::other("standard output is none")).into());
        }
        let session = Session::open(&self.root.absolute()?)?;
        Ok(refuge_console::top(&session)?)
    }
}
