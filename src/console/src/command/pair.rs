//! `pair …`: accept the invitation of another node.

use async_trait::async_trait;
use refuge_mesh::{MeshCommand, NewPairing};

use super::Command;
use super::options::{Options, one};
use crate::control::Control;
use crate::protocol::Reply;

/// The command.
pub(crate) struct Pair;

#[async_trait]
impl Command for Pair {
    fn usage(&self) -> &'static str {
        "pair INVITATION [--name NAME] [--group GROUP]…"
    }

    fn help(&self) -> &'static str {
        "accept the invitation of another node"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        Some(control.mesh(parse(arguments)?).await.into())
    }
}

/// What is meant; `None` when the arguments are none that it has.
fn parse(arguments: &[&str]) -> Option<MeshCommand> {
    let (invitation, options) = arguments.split_first()?;
    if invitation.starts_with("--") {
        return None;
    }
    let options = Options::parse(options, &["name", "group"])?;
    Some(MeshCommand::Pair(NewPairing {
        invitation: (*invitation).to_owned(),
        name: one(options.all("name"))?,
        groups: options.all("group"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_accepted_under_a_name_of_ones_own() {
        let typed = ["refuge:X@a:1?token=t", "--group", "family", "--name", "anna"];
        let Some(MeshCommand::Pair(pairing)) = parse(&typed) else { panic!("a pairing") };
        assert_eq!(pairing.invitation, "refuge:X@a:1?token=t");
        assert_eq!(pairing.name.as_deref(), Some("anna"));
        assert_eq!(pairing.groups, ["family"]);
        for typed in [&[][..], &["--name", "anna"], &["refuge:X", "--colour", "red"]] {
            assert_eq!(parse(typed), None, "{typed:?}");
        }
    }
}
