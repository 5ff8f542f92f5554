//! `ping`: whether the whole node is up.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Ping;

#[async_trait]
impl Command for Ping {
    fn usage(&self) -> &'static str {
        "ping"
    }

    fn help(&self) -> &'static str {
        "pong once every part of the node is up"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.ask(Question::Ping).await.into())
    }
}
