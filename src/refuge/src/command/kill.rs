//! `refuge kill NAME`.

use clap::Args;
use refuge_console::Request;

use super::{Root, console};
use crate::exit::Failure;

/// Kill one actor of the running node, as a fault would; its supervisor restarts it
#[derive(Debug, Args)]
pub(crate) struct Kill {
    /// Name of the actor, as `refuge tree` shows it
    name: String,
    #[command(flatten)]
    root: Root,
}

impl Kill {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request = Request { command: "kill".to_owned(), arguments: vec![self.name] };
        console::ask(&self.root.absolute()?, &request).map(|_| ())
    }
}
