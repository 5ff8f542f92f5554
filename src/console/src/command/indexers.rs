//! `indexers`: the indexes that are being built or followed.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Indexers;

#[async_trait]
impl Command for Indexers {
    fn usage(&self) -> &'static str {
        "indexers"
    }

    fn help(&self) -> &'static str {
        "the indexers at work and how far they are"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.ask(Question::Indexers).await.into())
    }
}
