//! `refuge restart`.

use clap::Args;

use super::{Root, console, waiting};
use crate::exit::Failure;

/// Shut the running node down in order and start it again in its process; sockets stay open meanwhile
#[derive(Debug, Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    root: Root,
}

impl Restart {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let root = self.root.absolute()?;
        let session = console::Session::open(&root)?;
        let before = session.request(&console::command("status"))?;
        session.request(&console::command("restart"))?;
        // The session ends with the tree that served it.
        if !session.ended(waiting::MOST) {
            return Err(Failure::NotDone(waiting::MOST));
        }
        waiting::until_up(&root, |status| status.get("pid") == before.get("pid")).map(drop)
    }
}
