//! `refuge top`.

use clap::Args;

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
        let session = Session::open(&self.root.absolute()?)?;
        Ok(refuge_console::top(&session)?)
    }
}
