//! `refuge invite`.

use clap::{Args, Subcommand};
use refuge_console::Request;

use super::{Root, console};
use crate::exit::Failure;

/// Invite another node: print an invitation that is good for one node and a few minutes
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Invite {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    new: New,
}

/// What is to be done with invitations that are open.
#[derive(Debug, Subcommand)]
enum Action {
    /// Show the invitations that are open
    List(List),
    /// Take one of them back
    Withdraw(Withdraw),
}

/// An invitation that is made.
#[derive(Debug, Args)]
struct New {
    /// What the guest is called here; what it calls itself where this is not given
    #[arg(long)]
    name: Option<String>,
    /// A group that the guest will be in; may be repeated
    #[arg(long)]
    group: Vec<String>,
    /// Where this node is reached, where it does not find that out itself; may be repeated
    #[arg(long, value_name = "HOST:PORT")]
    address: Vec<String>,
    /// How long it is good; 15 where this is not given
    #[arg(long, value_name = "NUMBER")]
    minutes: Option<u64>,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

/// All that are open.
#[derive(Debug, Args)]
struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

/// One of them.
#[derive(Debug, Args)]
struct Withdraw {
    /// Its number, as `refuge invite list` shows it
    number: u64,
    #[command(flatten)]
    root: Root,
}

impl Invite {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.action {
            None => self.new.run(),
            Some(Action::List(list)) => {
                console::tell(&list.root.absolute()?, &request(vec!["list".to_owned()]), list.json)
            }
            Some(Action::Withdraw(one)) => {
                let request = request(vec!["withdraw".to_owned(), one.number.to_string()]);
                console::ask(&one.root.absolute()?, &request)?;
                console::say(&format!("invitation {} is withdrawn\n", one.number));
                Ok(())
            }
        }
    }
}

impl New {
    fn run(self) -> Result<(), Failure> {
        let minutes = self.minutes.map(|minutes| minutes.to_string());
        let options = console::options(&[
            ("--name", self.name.as_slice()),
            ("--group", &self.group),
            ("--address", &self.address),
            ("--minutes", minutes.as_slice()),
        ]);
        console::tell(&self.root.absolute()?, &request(options), self.json)
    }
}

fn request(arguments: Vec<String>) -> Request {
    Request { command: "invite".to_owned(), arguments }
}
