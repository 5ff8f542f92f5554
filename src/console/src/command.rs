//! The commands by name. What each does stands in a file of its own.

mod hooks;
mod identity;
mod invite;
mod kill;
mod options;
mod pair;
mod peer;
mod replicate;
mod tree;

use refuge_mesh::MeshCommand;

use crate::control::Control;
use crate::protocol::{Reply, Request};

/// Every command as it is typed.
const USAGE: &[&str] = &[
    hooks::USAGE,
    identity::USAGE,
    invite::USAGE,
    kill::USAGE,
    pair::USAGE,
    peer::USAGE,
    replicate::USAGE,
    tree::USAGE,
];

/// Carries out one command.
pub(crate) async fn run(request: &Request, control: &dyn Control) -> Reply {
    let arguments: Vec<&str> = request.arguments.iter().map(String::as_str).collect();
    match (request.command.as_str(), arguments.as_slice()) {
        (hooks::NAME, []) => hooks::run(control).await,
        (hooks::NAME, _) => wrong_arguments(hooks::USAGE),
        (identity::NAME, []) => identity::run(control).await,
        (identity::NAME, ["rotate"]) => control.mesh(MeshCommand::Rotate).await.into(),
        (identity::NAME, _) => wrong_arguments(identity::USAGE),
        (invite::NAME, arguments) => mesh(invite::parse(arguments), invite::USAGE, control).await,
        (pair::NAME, arguments) => mesh(pair::parse(arguments), pair::USAGE, control).await,
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

/// A command that is the mesh's.
async fn mesh(command: Option<MeshCommand>, usage: &str, control: &dyn Control) -> Reply {
    match command {
        Some(command) => control.mesh(command).await.into(),
        None => wrong_arguments(usage),
    }
}

fn wrong_arguments(usage: &str) -> Reply {
    Reply::error("bad_arguments", format!("use: {usage}"))
}
