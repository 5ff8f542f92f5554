//! `observe`: all that the observer shows, of one moment.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Observe;

#[async_trait]
impl Command for Observe {
    fn usage(&self) -> &'static str {
        "observe"
    }

    fn help(&self) -> &'static str {
        "all that `refuge top` shows, of one moment"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.ask(Question::Observe).await.into())
    }
}
