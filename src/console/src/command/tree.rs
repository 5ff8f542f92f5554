//! `tree`: the live supervision tree.

use async_trait::async_trait;

use super::Command;
use crate::control::Control;
use crate::protocol::Reply;

/// The command.
pub(crate) struct Tree;

#[async_trait]
impl Command for Tree {
    fn usage(&self) -> &'static str {
        "tree"
    }

    fn help(&self) -> &'static str {
        "the live supervision tree: state, mailbox, restarts, uptime"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.tree().await.into())
    }
}
