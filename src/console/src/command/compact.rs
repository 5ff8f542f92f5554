//! `compact DB`: gives back what a database does not need.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Compact;

#[async_trait]
impl Command for Compact {
    fn usage(&self) -> &'static str {
        "compact DB"
    }

    fn help(&self) -> &'static str {
        "give back to the disk at once what a database does not need"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let [name] = *arguments else { return None };
        Some(control.ask(Question::Compact(name.to_owned())).await.into())
    }
}
