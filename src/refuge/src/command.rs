//! The command line. Each verb has a file of its own.

mod check;
mod console;
mod foreground;
mod hooks;
mod identity;
mod invite;
mod kill;
mod pair;
mod peer;
mod replicate;
mod tree;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::exit::Failure;

/// refuge: a decentralised document database that speaks CouchDB's protocol.
#[derive(Debug, Parser)]
#[command(name = "refuge", version, about)]
pub(crate) struct Line {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Foreground(foreground::Foreground),
    Check(check::Check),
    Tree(tree::Tree),
    Kill(kill::Kill),
    Identity(identity::Identity),
    Invite(invite::Invite),
    Pair(pair::Pair),
    Peer(peer::Peer),
    Replicate(replicate::Replicate),
    Hooks(hooks::Hooks),
}

impl Verb {
    pub(crate) fn run(self) -> Result<(), Failure> {
        match self {
            Self::Foreground(verb) => verb.run(),
            Self::Check(verb) => verb.run(),
            Self::Tree(verb) => verb.run(),
            Self::Kill(verb) => verb.run(),
            Self::Identity(verb) => verb.run(),
            Self::Invite(verb) => verb.run(),
            Self::Pair(verb) => verb.run(),
            Self::Peer(verb) => verb.run(),
            Self::Replicate(verb) => verb.run(),
            Self::Hooks(verb) => verb.run(),
        }
    }
}

/// Which node is meant.
#[derive(Debug, Args)]
pub(crate) struct Root {
    /// Directory under which the node's files lie: etc/, var/data, var/log, var/run, var/identity
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
}

impl Root {
    /// As an absolute path, so that it stays right whatever the working directory.
    pub(crate) fn absolute(&self) -> Result<PathBuf, Failure> {
        let told = |source| Failure::Directory { path: self.root.clone(), source };
        // Taken apart and put together again: a `.` at the end is of no use in messages.
        let absolute = std::path::absolute(&self.root).map_err(told)?;
        Ok(absolute.components().collect::<PathBuf>())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Line::command().debug_assert();
    }

    #[test]
    fn repeated_options_keep_their_order() {
        let line = Line::try_parse_from([
            "refuge",
            "foreground",
            "--config",
            "a",
            "--set",
            "http.port=1",
            "--config",
            "b",
            "--set",
            "http.port=2",
            "--root",
            "/x",
        ]);
        let Verb::Foreground(verb) = line.unwrap().verb else { panic!("another verb") };
        assert_eq!(verb.config, [Path::new("a"), Path::new("b")]);
        assert_eq!(verb.set, ["http.port=1", "http.port=2"]);
        assert_eq!(verb.root.absolute().unwrap(), Path::new("/x"));
    }
}
