//! Those of `refuge peer …` that are about how a node is replicated with.

use clap::Args;
use refuge_console::PeerRule;

use super::super::{Root, console};
use super::ask;
use crate::exit::Failure;

/// How much of the link replication with a node takes.
#[derive(Debug, Args)]
pub(super) struct Bandwidth {
    /// Its name here, or its id
    node: String,
    /// Bytes a second of all replications with it together (64000, 64k or 2M), or none for no limit
    #[arg(value_parser = rate)]
    rate: String,
    #[command(flatten)]
    root: Root,
}

/// Whether replication with a node goes on over a metered link.
#[derive(Debug, Args)]
pub(super) struct Metered {
    /// Its name here, or its id
    node: String,
    /// Whether it goes on while this machine's link is metered: yes or no
    #[arg(value_parser = ["yes", "no"])]
    goes_on: String,
    #[command(flatten)]
    root: Root,
}

fn rate(text: &str) -> Result<String, String> {
    let wanted = "a number of bytes a second, 1 or more, as 64000, 64k or 2M, or `none`";
    PeerRule::bandwidth(text).map(|_| text.to_owned()).ok_or_else(|| wanted.to_owned())
}

impl Bandwidth {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { node, rate, root } = self;
        let told = ask(&root, vec!["bandwidth".to_owned(), node, rate.clone()])?;
        let name = told.name.unwrap_or_default();
        let rule = match rate.as_str() {
            "none" => "as fast as it goes".to_owned(),
            rate => format!("at {rate} bytes a second"),
        };
        console::say(&format!("{name} ({}) is replicated with {rule}\n", told.id));
        Ok(())
    }
}

impl Metered {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { node, goes_on, root } = self;
        let told = ask(&root, vec!["metered".to_owned(), node, goes_on.clone()])?;
        let name = told.name.unwrap_or_default();
        let rule = if goes_on == "yes" { "over metered links too" } else { "over no metered link" };
        console::say(&format!("{name} ({}) is replicated with {rule}\n", told.id));
        Ok(())
    }
}
