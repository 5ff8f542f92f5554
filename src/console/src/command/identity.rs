//! `identity`: who this node is.

use async_trait::async_trait;

use super::Command;
use crate::control::Control;
use crate::protocol::Reply;

/// The command.
pub(crate) struct Identity;

#[async_trait]
impl Command for Identity {
    fn usage(&self) -> &'static str {
        "identity"
    }

    fn help(&self) -> &'static str {
        "the id, the name and the certificate of this node"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.identity().await.into())
    }
}
