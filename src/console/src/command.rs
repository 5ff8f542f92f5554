//! The commands by name, in one table. What each takes and does stands in a file of its own.

mod actor;
mod check;
mod compact;
mod config;
mod database;
mod databases;
mod events;
mod help;
mod hooks;
mod identity;
mod indexers;
mod invite;
mod kill;
mod log;
mod observe;
mod options;
mod pair;
mod peer;
mod peers;
mod ping;
mod replicate;
mod replications;
mod restart;
mod sessions;
mod statistics;
mod status;
mod stop;
mod trace;
mod tree;
mod upgrade;

use async_trait::async_trait;

use crate::control::Control;
use crate::nearest::nearest;
use crate::protocol::{Reply, Request};

/// One command.
#[async_trait]
pub(crate) trait Command: Sync {
    /// Its name and its arguments as they are typed. The name is the first word.
    fn usage(&self) -> &'static str;

    /// What it does, in one line.
    fn help(&self) -> &'static str;

    /// Carries it out; `None` when the arguments are none that it has.
    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply>;
}

/// All of them, in the order in which `help` tells them.
const COMMANDS: &[&dyn Command] = &[
    &help::Help,
    &tree::Tree,
    &actor::Actor,
    &kill::Kill,
    &restart::Restart,
    &trace::Trace,
    &databases::Databases,
    &database::Database,
    &compact::Compact,
    &indexers::Indexers,
    &replications::Replications,
    &replicate::Replicate,
    &sessions::Sessions,
    &config::Config,
    &log::Log,
    &events::Events,
    &hooks::Hooks,
    &peers::Peers,
    &peer::Peer,
    &invite::Invite,
    &pair::Pair,
    &identity::Identity,
    &statistics::Statistics,
    &check::Check,
    &status::Status,
    &observe::Observe,
    &ping::Ping,
    &stop::Stop,
    &upgrade::Upgrade,
];

/// What is known of a command without asking a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandHelp {
    /// Its name and its arguments as they are typed.
    pub usage: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
}

impl CommandHelp {
    /// Its name.
    pub fn name(&self) -> &'static str {
        name(self.usage)
    }
}

/// All commands, in the order in which they are told.
pub fn commands() -> impl Iterator<Item = CommandHelp> {
    COMMANDS.iter().map(|command| CommandHelp { usage: command.usage(), help: command.help() })
}

fn name(usage: &'static str) -> &'static str {
    usage.split(' ').next().unwrap_or_default()
}

/// Carries out one command.
pub(crate) async fn run(request: &Request, control: &dyn Control) -> Reply {
    let arguments: Vec<&str> = request.arguments.iter().map(String::as_str).collect();
    let wanted = request.command.as_str();
    let Some(command) = COMMANDS.iter().find(|command| name(command.usage()) == wanted) else {
        return unknown(wanted);
    };
    match command.run(&arguments, control).await {
        Some(reply) => reply,
        None => Reply::error("bad_arguments", format!("use: {}", command.usage())),
    }
}

/// Names the command that was most likely meant, and where all are told.
fn unknown(wanted: &str) -> Reply {
    let names = COMMANDS.iter().map(|command| name(command.usage()));
    let near =
        nearest(wanted, names).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    Reply::error(
        "unknown_command",
        format!("there is no command {wanted:?}{near} (help tells all)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_name_of_its_own_and_a_line_of_help() {
        let names: std::collections::BTreeSet<_> = commands().map(|one| one.name()).collect();
        assert_eq!(names.len(), COMMANDS.len());
        for command in commands() {
            assert!(!command.help.is_empty() && !command.help.contains('\n'), "{command:?}");
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_told_the_command_that_was_meant() {
        let Reply::Error { reason, .. } = unknown("tere") else { panic!("an answer") };
        assert!(reason.contains("did you mean tree?"), "{reason}");
        let Reply::Error { reason, .. } = unknown("bicycle") else { panic!("an answer") };
        assert!(!reason.contains("did you mean"), "{reason}");
    }
}
