//! `status`: the node in a few lines.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Status;

#[async_trait]
impl Command for Status {
    fn usage(&self) -> &'static str {
        "status"
    }

    fn help(&self) -> &'static str {
        "the node in a few lines: version, process, address, memory, databases"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.ask(Question::Status).await.into())
    }
}
