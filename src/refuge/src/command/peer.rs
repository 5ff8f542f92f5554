//! `refuge peer …`: the nodes that the running one knows.

mod rules;
mod trust;

use clap::{Args, Subcommand};
use refuge_console::Request;
use serde_json::Value;

use super::{Root, console};
use crate::exit::Failure;

/// Say which other nodes this one trusts
#[derive(Debug, Args)]
pub(crate) struct Peer {
    #[command(subcommand)]
    action: Action,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
enum Action {
    /// Trust a node from now on; one that is known already gets what is given here
    Add(Add),
    /// Show all nodes that are known
    List(List),
    /// Forget a node: it is a stranger again
    Remove(One),
    /// Never let a node in again
    Block(One),
    /// Trust a node that is known already
    Trust(One),
    /// Show all that is known of a node
    Show(trust::Shown),
    /// Find out why a node is up or not, and what to do
    Why(trust::Shown),
    /// Show the nodes that ask to be trusted
    Pending(trust::All),
    /// Trust a node that asks, or for good one that was introduced
    ///
    /// It is named by its id as `refuge peer pending` shows it, or by at least 13 characters of the beginning: a
    /// shorter one could be made alike by somebody else. A node that was rejected does not ask any more; it is
    /// trusted with `refuge peer add`.
    Approve(trust::Approve),
    /// Refuse a node that asks, or all of them
    ///
    /// It is named as for `refuge peer approve`. A node that was rejected is not shown again by `refuge peer
    /// pending`, and cannot be approved, before this node was restarted and it asks anew. It is not trusted on the
    /// word of an introducer either, nor after that. `refuge peer add` with its id trusts it all the same.
    Reject(trust::Reject),
    /// Trust a node no more; it stays known
    Revoke(One),
    /// Say whether a node may vouch for others
    Introducer(trust::Introducer),
    /// Vouch for two nodes towards each other
    Introduce(trust::Introduce),
    /// Show the introductions that this node made
    Introductions(trust::All),
    /// Say how much of the link replication with a node takes
    Bandwidth(rules::Bandwidth),
    /// Say whether replication with a node goes on while this machine's link is metered
    Metered(rules::Metered),
}

/// A node that is made known.
#[derive(Debug, Args)]
struct Add {
    /// Its id, as `refuge identity` shows it over there, in either form
    id: String,
    /// What it is called here
    #[arg(long)]
    name: Option<String>,
    /// Where it listens; may be repeated
    #[arg(long, value_name = "HOST:PORT")]
    address: Vec<String>,
    /// A group that it is in; may be repeated
    #[arg(long)]
    group: Vec<String>,
    #[command(flatten)]
    root: Root,
}

/// All of them.
#[derive(Debug, Args)]
struct List {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

/// A node that is known.
#[derive(Debug, Args)]
struct One {
    /// Its name here, or its id
    node: String,
    #[command(flatten)]
    root: Root,
}

impl Peer {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self.action {
            Action::Add(new) => {
                let told = ask(&new.root, new.arguments())?;
                console::say(&format!(
                    "{} is trusted as {}\n",
                    told.id,
                    told.name.unwrap_or_default()
                ));
            }
            Action::List(list) => {
                tell(&list.root, vec!["list".to_owned()], list.json)?;
            }
            Action::Remove(one) => one.run("remove", "is forgotten")?,
            Action::Block(one) => one.run("block", "is blocked")?,
            Action::Trust(one) => one.run("trust", "is trusted")?,
            Action::Show(shown) => shown.show()?,
            Action::Why(shown) => shown.why()?,
            Action::Pending(all) => all.pending()?,
            Action::Approve(one) => one.run()?,
            Action::Reject(asking) => asking.run()?,
            Action::Revoke(one) => one.run("revoke", "is trusted no more")?,
            Action::Introducer(one) => one.run()?,
            Action::Introduce(two) => two.run()?,
            Action::Introductions(all) => all.introductions()?,
            Action::Bandwidth(one) => one.run()?,
            Action::Metered(one) => one.run()?,
        }
        Ok(())
    }
}

impl Add {
    fn arguments(&self) -> Vec<String> {
        let options = console::options(&[
            ("--name", self.name.as_slice()),
            ("--address", &self.address),
            ("--group", &self.group),
        ]);
        [vec!["add".to_owned(), self.id.clone()], options].concat()
    }
}

impl One {
    fn run(self, action: &str, done: &str) -> Result<(), Failure> {
        let told = ask(&self.root, vec![action.to_owned(), self.node.clone()])?;
        // One that is forgotten has no name any more.
        let name = told.name.unwrap_or(self.node);
        console::say(&format!("{name} ({}) {done}\n", told.id));
        Ok(())
    }
}

/// The node that was changed.
struct Changed {
    id: String,
    name: Option<String>,
}

fn ask(root: &Root, arguments: Vec<String>) -> Result<Changed, Failure> {
    let told = console::ask(&root.absolute()?, &request(arguments))?;
    let text = |member: &str| told.get(member).and_then(Value::as_str).map(str::to_owned);
    Ok(Changed { id: text("id").unwrap_or_default(), name: text("name") })
}

fn tell(root: &Root, arguments: Vec<String>, json: bool) -> Result<(), Failure> {
    console::tell(&root.absolute()?, &request(arguments), json)
}

fn request(arguments: Vec<String>) -> Request {
    Request { command: "peer".to_owned(), arguments }
}
