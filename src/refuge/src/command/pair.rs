//! `refuge pair`.

use clap::Args;
use refuge_console::Request;
use serde_json::Value;

use super::{Root, console};
use crate::exit::Failure;

/// Accept the invitation of another node: both trust each other from now on
#[derive(Debug, Args)]
pub(crate) struct Pair {
    /// The invitation, as `refuge invite` printed it over there
    invitation: String,
    /// What the other node is called here; what it calls itself where this is not given
    #[arg(long)]
    name: Option<String>,
    /// A group that it will be in here; may be repeated
    #[arg(long)]
    group: Vec<String>,
    #[command(flatten)]
    root: Root,
}

impl Pair {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let options =
            console::options(&[("--name", self.name.as_slice()), ("--group", &self.group)]);
        let arguments = [vec![self.invitation], options].concat();
        let request = Request { command: "pair".to_owned(), arguments };
        let told = console::ask(&self.root.absolute()?, &request)?;
        let text = |member: &str| told.get(member).and_then(Value::as_str).unwrap_or_default();
        let line = format!("paired with {} ({})\n", text("name"), text("id"));
        console::say(&line);
        Ok(())
    }
}
