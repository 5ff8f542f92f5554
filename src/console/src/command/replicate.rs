//! `replicate …`: replications that are started by hand and followed until they end. The request is a
//! JSON object as `_replicate` takes it; the node judges it.

use serde_json::Value;

use crate::control::Control;
use crate::protocol::Reply;

pub(crate) const NAME: &str = "replicate";
pub(crate) const USAGE: &str = "replicate start REQUEST | show ID | cancel ID";

/// Carries out one of them; `None` when the arguments are none that it has.
pub(crate) async fn run(arguments: &[&str], control: &dyn Control) -> Option<Reply> {
    Some(match *arguments {
        ["start", request] => match serde_json::from_str::<Value>(request) {
            Ok(request) => control.replicate(&request).await.into(),
            Err(error) => Reply::error("bad_request", format!("the request is no JSON: {error}")),
        },
        ["show", id] => control.replication(id).await.into(),
        ["cancel", id] => control.cancel_replication(id).await.into(),
        _ => return None,
    })
}
