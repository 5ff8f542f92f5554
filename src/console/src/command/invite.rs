//! `invite …`: invitations of this node. What is typed is taken apart here and judged by the node.

use async_trait::async_trait;
use refuge_mesh::{MeshCommand, NewInvitation};

use super::Command;
use super::options::{Options, one};
use crate::control::Control;
use crate::protocol::Reply;

/// The command.
pub(crate) struct Invite;

#[async_trait]
impl Command for Invite {
    fn usage(&self) -> &'static str {
        "invite [--name NAME] [--group GROUP]… [--address HOST:PORT]… [--minutes NUMBER] | list | \
         withdraw NUMBER"
    }

    fn help(&self) -> &'static str {
        "an invitation, good for one node and a few minutes; those that are open"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        Some(control.mesh(parse(arguments)?).await.into())
    }
}

/// What is meant; `None` when the arguments are none that it has.
fn parse(arguments: &[&str]) -> Option<MeshCommand> {
    match *arguments {
        ["list"] => Some(MeshCommand::Invitations),
        ["withdraw", number] => number.parse().ok().map(MeshCommand::Withdraw),
        _ => {
            let options = Options::parse(arguments, &["name", "group", "address", "minutes"])?;
            let minutes = one(options.all("minutes"))?;
            Some(MeshCommand::Invite(NewInvitation {
                name: one(options.all("name"))?,
                groups: options.all("group"),
                addresses: options.all("address"),
                minutes: minutes.map(|text| text.parse()).transpose().ok()?,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_read_with_all_that_is_said_of_it() {
        let typed = "--group family --minutes 5 --address a:1 --group work --name anna";
        let typed: Vec<&str> = typed.split(' ').collect();
        let expected = NewInvitation {
            name: Some("anna".to_owned()),
            groups: vec!["family".to_owned(), "work".to_owned()],
            addresses: vec!["a:1".to_owned()],
            minutes: Some(5),
        };
        assert_eq!(parse(&typed), Some(MeshCommand::Invite(expected)));
        assert_eq!(parse(&[]), Some(MeshCommand::Invite(NewInvitation::default())));
        assert_eq!(parse(&["list"]), Some(MeshCommand::Invitations));
        assert_eq!(parse(&["withdraw", "7"]), Some(MeshCommand::Withdraw(7)));
    }

    #[test]
    fn what_is_mistyped_invites_nobody() {
        for typed in ["anna", "--minutes soon", "--name", "--name a --name b", "withdraw x"] {
            let words: Vec<&str> = typed.split_whitespace().collect();
            assert_eq!(parse(&words), None, "{typed}");
        }
    }
}
