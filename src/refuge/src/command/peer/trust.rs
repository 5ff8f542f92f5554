//! Those of `refuge peer …` that are about who is let in, and why a node is not up.

use clap::Args;
use serde_json::Value;

use super::super::{Root, console};
use super::{One, ask, request, tell};
use crate::exit::Failure;

/// One that is to be shown.
#[derive(Debug, Args)]
pub(super) struct Shown {
    /// Its name here, or its id
    node: String,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

/// All of a kind.
#[derive(Debug, Args)]
pub(super) struct All {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    root: Root,
}

/// One that asks.
#[derive(Debug, Args)]
pub(super) struct Approve {
    /// Its id, or at least 13 characters of its beginning
    node: String,
    /// What it is called here
    #[arg(long)]
    name: Option<String>,
    /// A group that it will be in; may be repeated
    #[arg(long)]
    group: Vec<String>,
    #[command(flatten)]
    root: Root,
}

/// One that asks, or all that do.
#[derive(Debug, Args)]
pub(super) struct Reject {
    /// Its id, or at least 13 characters of its beginning
    #[arg(required_unless_present = "all")]
    node: Option<String>,
    /// All that ask now
    #[arg(long, conflicts_with = "node")]
    all: bool,
    #[command(flatten)]
    root: Root,
}

/// One that may vouch for others, or may not.
#[derive(Debug, Args)]
pub(super) struct Introducer {
    /// Its name here, or its id
    node: String,
    /// Whether it may: yes or no
    #[arg(value_parser = ["yes", "no"])]
    may: String,
    /// A group that it may put others in; may be repeated
    #[arg(long, value_name = "GROUP")]
    may_confer: Vec<String>,
    /// What is done about those for whom it vouches
    #[arg(long, value_parser = ["ask", "accept", "off"])]
    introductions: Option<String>,
    #[command(flatten)]
    root: Root,
}

/// Two that do not know each other.
#[derive(Debug, Args)]
pub(super) struct Introduce {
    /// The name here, or the id, of the one
    node: String,
    /// The other: a name, an id, group:NAME or *
    to: String,
    /// A group that both should put each other in; may be repeated
    #[arg(long)]
    group: Vec<String>,
    /// How long it holds; 30 where this is not given
    #[arg(long, value_name = "NUMBER")]
    days: Option<u64>,
    #[command(flatten)]
    root: Root,
}

impl Shown {
    pub(super) fn show(self) -> Result<(), Failure> {
        self.run("show")
    }

    pub(super) fn why(self) -> Result<(), Failure> {
        self.run("why")
    }

    fn run(self, action: &str) -> Result<(), Failure> {
        tell(&self.root, vec![action.to_owned(), self.node], self.json)
    }
}

impl All {
    pub(super) fn pending(self) -> Result<(), Failure> {
        self.run("pending")
    }

    pub(super) fn introductions(self) -> Result<(), Failure> {
        self.run("introductions")
    }

    fn run(self, action: &str) -> Result<(), Failure> {
        tell(&self.root, vec![action.to_owned()], self.json)
    }
}

impl Approve {
    pub(super) fn run(self) -> Result<(), Failure> {
        let options =
            console::options(&[("--name", self.name.as_slice()), ("--group", &self.group)]);
        let told = ask(&self.root, [vec!["approve".to_owned(), self.node], options].concat())?;
        console::say(&format!("{} ({}) is trusted\n", told.name.unwrap_or_default(), told.id));
        Ok(())
    }
}

impl Reject {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self { node, all, root } = self;
        match node.filter(|_| !all) {
            Some(node) => One { node, root }.run("reject", "is refused"),
            None => refuse_all(&root),
        }
    }
}

fn refuse_all(root: &Root) -> Result<(), Failure> {
    let asked = request(vec!["reject".to_owned(), "--all".to_owned()]);
    let told = console::ask(&root.absolute()?, &asked)?;
    console::say(&match told.get("rejected").and_then(Value::as_array).map_or(0, Vec::len) {
        1 => "1 node is refused\n".to_owned(),
        count => format!("{count} nodes are refused\n"),
    });
    Ok(())
}

impl Introducer {
    pub(super) fn run(self) -> Result<(), Failure> {
        let options = console::options(&[
            ("--may-confer", &self.may_confer),
            ("--introductions", self.introductions.as_slice()),
        ]);
        let may = if self.may == "yes" { "may" } else { "may not" };
        let arguments = vec!["introducer".to_owned(), self.node, self.may];
        let told = ask(&self.root, [arguments, options].concat())?;
        console::say(&format!(
            "{} ({}) {may} vouch for others\n",
            told.name.unwrap_or_default(),
            told.id
        ));
        Ok(())
    }
}

impl Introduce {
    pub(super) fn run(self) -> Result<(), Failure> {
        let days = self.days.map(|days| days.to_string());
        let options = console::options(&[("--group", &self.group), ("--days", days.as_slice())]);
        let arguments = vec!["introduce".to_owned(), self.node, self.to];
        tell(&self.root, [arguments, options].concat(), false)
    }
}
