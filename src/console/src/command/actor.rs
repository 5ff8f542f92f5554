//! `actor NAME`: all that is known of one actor.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Actor;

#[async_trait]
impl Command for Actor {
    fn usage(&self) -> &'static str {
        "actor NAME"
    }

    fn help(&self) -> &'static str {
        "all that is known of one actor, by its name or its path"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let [name] = *arguments else { return None };
        Some(control.ask(Question::Actor(name.to_owned())).await.into())
    }
}
