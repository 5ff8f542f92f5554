//! `restart [NAME]`: an actor in order, or the whole node.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Restart;

#[async_trait]
impl Command for Restart {
    fn usage(&self) -> &'static str {
        "restart [NAME]"
    }

    fn help(&self) -> &'static str {
        "stop one actor in order so that its supervisor starts it again; without a name the whole node"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let name = match *arguments {
            [] => None,
            [name] => Some(name.to_owned()),
            _ => return None,
        };
        Some(control.ask(Question::Restart(name)).await.into())
    }
}
