//! `hooks`: the last runs of event hooks.

use async_trait::async_trait;

use super::Command;
use crate::control::Control;
use crate::protocol::Reply;

/// The command.
pub(crate) struct Hooks;

#[async_trait]
impl Command for Hooks {
    fn usage(&self) -> &'static str {
        "hooks"
    }

    fn help(&self) -> &'static str {
        "the last runs of event hooks, the newest last"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        if !arguments.is_empty() {
            return None;
        }
        Some(control.hooks().await.into())
    }
}
