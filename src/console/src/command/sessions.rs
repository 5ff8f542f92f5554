//! `sessions`: who is connected.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Sessions;

#[async_trait]
impl Command for Sessions {
    fn usage(&self) -> &'static str {
        "sessions"
    }

    fn help(&self) -> &'static str {
        "sessions of this console and connections over HTTP"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.ask(Question::Sessions).await.into())
    }
}
