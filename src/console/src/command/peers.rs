//! `peers`: the nodes that this one knows.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, PeerCommand};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Peers;

#[async_trait]
impl Command for Peers {
    fn usage(&self) -> &'static str {
        "peers"
    }

    fn help(&self) -> &'static str {
        "the nodes that this one knows and which of them are up"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.peer(PeerCommand::List).await.into())
    }
}
