//! `refuge stop`.

use clap::Args;

use super::{Root, console, waiting};
use crate::exit::Failure;

/// Shut the running node down in order and wait for its end
#[derive(Debug, Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    root: Root,
}

impl Stop {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let session = console::Session::open(&self.root.absolute()?)?;
        let status = session.request(&console::command("status"))?;
        session.request(&console::command("stop"))?;
        session.ended(waiting::MOST);
        match waiting::process(&status) {
            Some(process) => waiting::until_ended(process),
            None => Ok(()),
        }
    }
}
