//! `replicate …`: replications that are started by hand and followed until they end. The request is a
//! JSON object as `_replicate` takes it; the node judges it.

use async_trait::async_trait;
use serde_json::Value;

use super::Command;
use crate::control::Control;
use crate::protocol::Reply;

/// The command.
pub(crate) struct Replicate;

#[async_trait]
impl Command for Replicate {
    fn usage(&self) -> &'static str {
        "replicate start REQUEST | show ID | cancel ID"
    }

    fn help(&self) -> &'static str {
        "start a replication by hand (a JSON object as _replicate takes it), look at it (by its id or that of its document), stop it"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        Some(match *arguments {
            ["start", request] => match serde_json::from_str::<Value>(request) {
                Ok(request) => control.replicate(&request).await.into(),
                Err(error) => {
                    Reply::error("bad_request", format!("the request is no JSON: {error}"))
                }
            },
            ["show", id] => control.replication(id).await.into(),
            ["cancel", id] => control.cancel_replication(id).await.into(),
            _ => return None,
        })
    }
}
