//! The commands by name. What each does stands in a file of its own.

mod kill;
mod tree;

use crate::control::Control;
use crate::protocol::{Reply, Request};

/// Every command as it is typed.
const USAGE: &[&str] = &[kill::USAGE, tree::USAGE];

/// Carries out one command.
pub(crate) async fn run(request: &Request, control: &dyn Control) -> Reply {
    let arguments: Vec<&str> = request.arguments.iter().map(String::as_str).collect();
    match (request.command.as_str(), arguments.as_slice()) {
        (kill::NAME, [name]) => kill::run(name, control).await,
        (kill::NAME, _) => wrong_arguments(kill::USAGE),
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
