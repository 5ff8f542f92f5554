//! `upgrade VERSION`: another version goes on with the sockets of this one.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Upgrade;

#[async_trait]
impl Command for Upgrade {
    fn usage(&self) -> &'static str {
        "upgrade VERSION"
    }

    fn help(&self) -> &'static str {
        "go on as a version that is unpacked; `refuge upgrade` checks it first and waits"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let [version] = *arguments else { return None };
        Some(control.ask(Question::Upgrade(version.to_owned())).await.into())
    }
}
