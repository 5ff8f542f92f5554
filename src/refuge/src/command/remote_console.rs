//! `refuge remote_console`.

use clap::Args;

use super::{Root, attach};
use crate::exit::Failure;

/// Attach a prompt to the running node; `quit` leaves it running
#[derive(Debug, Args)]
pub(crate) struct RemoteConsole {
    #[command(flatten)]
    root: Root,
}

impl RemoteConsole {
    pub(crate) fn run(self) -> Result<(), Failure> {
        attach::attach(&self.root.absolute()?)
    }
}
