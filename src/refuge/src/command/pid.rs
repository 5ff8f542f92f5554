//! `refuge pid`.

use clap::Args;

use super::{Root, console};
use crate::exit::Failure;

/// Show the number of the running node's process
#[derive(Debug, Args)]
pub(crate) struct Pid {
    #[command(flatten)]
    root: Root,
}

impl Pid {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let request = console::command("status");
        let status = console::ask(&self.root.absolute()?, &request)?;
        let pid = status.get("pid").unwrap_or(&serde_json::Value::Null);
        console::show(&request, pid, true);
        Ok(())
    }
}
