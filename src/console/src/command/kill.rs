//! `kill NAME`: ends one actor at once, as a fault would; its supervisor restarts what belongs to it.

use serde_json::json;

use crate::control::Control;
use crate::protocol::Reply;

pub(crate) const NAME: &str = "kill";
pub(crate) const USAGE: &str = "kill NAME";

/// Answers with the name once the actor was told to end.
pub(crate) async fn run(name: &str, control: &dyn Control) -> Reply {
    control.kill(name).await.map(|()| json!({ "killed": name })).into()
}
