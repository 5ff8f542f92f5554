//! `refuge ping`.

use clap::Args;

use super::{Root, console};
use crate::exit::Failure;

/// Answer pong once every part of the running node is up; ends with 69 or 75 when it is not
#[derive(Debug, Args)]
pub(crate) struct Ping {
    #[command(flatten)]
    root: Root,
}

impl Ping {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request = console::command("ping");
        let answer = console::ask(&self.root.absolute()?, &request)?;
        console::show(&request, &answer, false);
        Ok(())
    }
}
