//! `events [COUNT]`: what happened to nodes and to this one.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// Events that are shown where nobody says how many.
const EVENTS: usize = 20;

/// The command.
pub(crate) struct Events;

#[async_trait]
impl Command for Events {
    fn usage(&self) -> &'static str {
        "events [COUNT]"
    }

    fn help(&self) -> &'static str {
        "what happened to this node and to others, the newest last (20)"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let count = match *arguments {
            [] => EVENTS,
            [count] => count.parse().ok()?,
            _ => return None,
        };
        Some(control.ask(Question::Events(count)).await.into())
    }
}
