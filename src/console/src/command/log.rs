//! `log …`: the last lines of the log, and how much is logged.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, LogWish, Question};
use crate::protocol::Reply;

/// Lines that are shown where nobody says how many: a screen holds them.
const LINES: usize = 20;

/// The command.
pub(crate) struct Log;

#[async_trait]
impl Command for Log {
    fn usage(&self) -> &'static str {
        "log [LINES] | log level LEVEL [MODULE]"
    }

    fn help(&self) -> &'static str {
        "the last lines of the log (20); or log more or less until the next start (releases know no trace)"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let wish = match *arguments {
            [] => LogWish::Last(LINES),
            ["level", level] => LogWish::Level { level: level.to_owned(), module: None },
            ["level", level, module] => {
                LogWish::Level { level: level.to_owned(), module: Some(module.to_owned()) }
            }
            [lines] => LogWish::Last(lines.parse().ok()?),
            _ => return None,
        };
        Some(control.ask(Question::Log(wish)).await.into())
    }
}
