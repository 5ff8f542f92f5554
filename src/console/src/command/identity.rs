//! `identity`: who this node is, and another key for it.

use async_trait::async_trait;
use refuge_mesh::MeshCommand;

use super::Command;
use crate::control::Control;
use crate::protocol::Reply;

/// The command.
pub(crate) struct Identity;

#[async_trait]
impl Command for Identity {
    fn usage(&self) -> &'static str {
        "identity [rotate]"
    }

    fn help(&self) -> &'static str {
        "the id, the name and the certificate of this node; or another key, which it has from its \
         next start on"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        match *arguments {
            [] => Some(control.identity().await.into()),
            ["rotate"] => Some(control.mesh(MeshCommand::Rotate).await.into()),
            _ => None,
        }
    }
}
