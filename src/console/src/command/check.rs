//! `check`: what is not well.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Check;

#[async_trait]
impl Command for Check {
    fn usage(&self) -> &'static str {
        "check"
    }

    fn help(&self) -> &'static str {
        "what is not well with the running node, and what to do about it"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.ask(Question::Check).await.into())
    }
}
