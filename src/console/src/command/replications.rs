//! `replications`: the jobs of the scheduler.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Replications;

#[async_trait]
impl Command for Replications {
    fn usage(&self) -> &'static str {
        "replications"
    }

    fn help(&self) -> &'static str {
        "replications that run or wait, with their states"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.ask(Question::Replications).await.into())
    }
}
