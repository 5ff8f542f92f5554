//! `trace NAME [SECONDS] [MESSAGES]`: the messages that pass, within bounds.

use std::time::Duration;

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question, TraceWish};
use crate::protocol::Reply;

/// How long is listened where nobody says how long: so that whoever typed it does not wonder.
const TRACE_SECONDS: u64 = 2;
/// What fits a few screens.
const TRACE_MESSAGES: usize = 50;
/// A session waits no longer for its answer.
const MOST_SECONDS: u64 = 60;
/// Bounds the answer's memory.
const MOST_MESSAGES: usize = 10_000;

/// The command.
pub(crate) struct Trace;

#[async_trait]
impl Command for Trace {
    fn usage(&self) -> &'static str {
        "trace NAME [SECONDS] [MESSAGES]"
    }

    fn help(&self) -> &'static str {
        "the messages that an actor handles, for at most SECONDS (2) and MESSAGES (50)"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let (name, rest) = arguments.split_first()?;
        let (seconds, messages) = match *rest {
            [] => (TRACE_SECONDS, TRACE_MESSAGES),
            [seconds] => (seconds.parse().ok()?, TRACE_MESSAGES),
            [seconds, messages] => (seconds.parse().ok()?, messages.parse().ok()?),
            _ => return None,
        };
        let allowed =
            (1..=MOST_SECONDS).contains(&seconds) && (1..=MOST_MESSAGES).contains(&messages);
        if !allowed {
            let reason = format!(
                "at most {MOST_SECONDS} seconds and {MOST_MESSAGES} messages, at least one of each"
            );
            return Some(Reply::error("bad_arguments", reason));
        }
        let time = Duration::from_secs(seconds);
        let wish = TraceWish { actor: (*name).to_owned(), time, messages };
        Some(control.ask(Question::Trace(wish)).await.into())
    }
}
