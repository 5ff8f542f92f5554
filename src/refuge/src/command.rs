//! The command line. Each verb has a file of its own.

mod attach;
mod backup;
mod check;
mod completions;
mod console;
mod eval;
mod foreground;
mod formats;
mod guard;
mod hooks;
mod identity;
mod invite;
mod kill;
mod manual;
mod next;
mod pair;
mod peer;
mod pid;
mod ping;
mod remote_console;
mod replicate;
mod restart;
mod restore;
mod rpc;
mod start;
mod status;
mod stop;
mod top;
mod tree;
mod upgrade;
mod versions;
mod waiting;
mod with_prompt;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::exit::Failure;
pub(crate) use backup::BackupError;

/// refuge: a decentralised document database that speaks CouchDB's protocol.
#[derive(Debug, Parser)]
#[command(name = "refuge", version = crate::release::VERSION.as_str(), about)]
pub(crate) struct Line {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What is to be done.
#[derive(Debug, Subcommand)]
#[command(rename_all = "snake_case")]
pub(crate) enum Verb {
    Foreground(foreground::Foreground),
    Console(with_prompt::WithPrompt),
    Start(start::Start),
    Stop(stop::Stop),
    Restart(restart::Restart),
    Ping(ping::Ping),
    Pid(pid::Pid),
    Status(status::Status),
    RemoteConsole(remote_console::RemoteConsole),
    Eval(eval::Eval),
    Rpc(rpc::Rpc),
    Versions(versions::Versions),
    Upgrade(upgrade::Upgrade),
    Downgrade(upgrade::Downgrade),
    #[command(hide = true)]
    Guard(guard::Guard),
    #[command(hide = true)]
    Formats(formats::Formats),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Check(check::Check),
    Completions(completions::Completions),
    #[command(hide = true)]
    Manual(manual::Manual),
    Top(top::Top),
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
            Self::Console(verb) => verb.run(),
            Self::Start(verb) => verb.run(),
            Self::Stop(verb) => verb.run(),
            Self::Restart(verb) => verb.run(),
            Self::Ping(verb) => verb.run(),
            Self::Pid(verb) => verb.run(),
            Self::Status(verb) => verb.run(),
            Self::RemoteConsole(verb) => verb.run(),
            Self::Eval(verb) => verb.run(),
            Self::Rpc(verb) => verb.run(),
            Self::Versions(verb) => verb.run(),
            Self::Upgrade(verb) => verb.run(),
            Self::Downgrade(verb) => verb.run(),
            Self::Guard(verb) => verb.run(),
            Self::Formats(verb) => verb.run(),
            Self::Completions(verb) => verb.run(),
            Self::Manual(verb) => verb.run(),
            Self::Backup(verb) => verb.run(),
            Self::Restore(verb) => verb.run(),
            Self::Check(verb) => verb.run(),
            Self::Top(verb) => verb.run(),
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
    #[arg(long, value_name = "DIR", env = "REFUGE_ROOT", default_value = ".")]
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
        assert_eq!(verb.start.config, [Path::new("a"), Path::new("b")]);
        assert_eq!(verb.start.set, ["http.port=1", "http.port=2"]);
        assert_eq!(verb.start.root.absolute().unwrap(), Path::new("/x"));
    }
}
