//! `kill NAME`: ends one actor at once, as a fault would; its supervisor restarts what belongs to it.

use async_trait::async_trait;
use serde_json::json;

use super::Command;
use crate::control::Control;
use crate::protocol::Reply;

/// The command.
pub(crate) struct Kill;

#[async_trait]
impl Command for Kill {
    fn usage(&self) -> &'static str {
        "kill NAME"
    }

    fn help(&self) -> &'static str {
        "end one actor at once, as a fault would"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let [name] = *arguments else { return None };
        Some(control.kill(name).await.map(|()| json!({ "killed": name })).into())
    }
}
