//! `stats [PART]`: what was counted.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Statistics;

#[async_trait]
impl Command for Statistics {
    fn usage(&self) -> &'static str {
        "stats [PART]"
    }

    fn help(&self) -> &'static str {
        "what was counted since the start; those whose names hold PART"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let part = match *arguments {
            [] => String::new(),
            [part] => part.to_owned(),
            _ => return None,
        };
        Some(control.ask(Question::Statistics(part)).await.into())
    }
}
