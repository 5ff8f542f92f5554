//! The commands by name. What each does stands in a file of its own.

mod hooks;
mod identity;
mod kill;
mod peer;
mod replicate;
mod tree;

use crate::control::Control;
use crate::protocol::{Reply, Request};

/// Every command as it is typed.
const USAGE: &[&str] =
    &[hooks::USAGE, identity::USAGE, kill::USAGE, peer::USAGE, replicate::USAGE, tree::USAGE];

/// Carries out one command.
pub(crate) async fn run(request: &Request, control: &dyn Control) -> Reply {
    let arguments: Vec<&str> = request.arguments.iter().map(String::as_str).collect();
    match (request.command.as_str(), arguments.as_slice()) {
        (hooks::NAME, []) => hooks::run(control).await,
        (hooks::NAME, _) => wrong_arguments(hooks::USAGE),
        (identity::NAME, []) => identity::run(control).await,
        (identity::NAME, _) => wrong_arguments(identity::USAGE),
        (kill::NAME, [name]) => kill::run(name, control).await,
        (kill::NAME, _) => wrong_arguments(kill::USAGE),
        (peer::NAME, arguments) => match peer::run(arguments, control).await {
            Some(reply) => reply,
            None => wrong_arguments(peer::USAGE),
        },
        (replicate::NAME, arguments) => match replicate::run(arguments, control).await {
            Some(reply) => reply,
            None => wrong_arguments(replicate::USAGE),
        },
        (tree::NAME, []) => tree::run(control).await,
        (tree::NAME, _) => wrong_arguments(tree::USAGE),
        (unknown, _) => Reply::error(
            "unknown_command",
            format!("there is no command {unknown:?}; there are: {}", USAGE.join(", ")),
        ),
    }
}

fn wrong_arguments(usage: &str) -> Reply {
    Reply::error("bad_arguments", format!("use: {usage}"))
}
