//! `stop`: the ordered shutdown.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Stop;

#[async_trait]
impl Command for Stop {
    fn usage(&self) -> &'static str {
        "stop"
    }

    fn help(&self) -> &'static str {
        "shut the node down in order; requests under way are finished"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.ask(Question::Stop).await.into())
    }
}
