//! `db NAME`: one database.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Database;

#[async_trait]
impl Command for Database {
    fn usage(&self) -> &'static str {
        "db NAME"
    }

    fn help(&self) -> &'static str {
        "all that is known of one database, and who may use it"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let [name] = *arguments else { return None };
        Some(control.ask(Question::Database(name.to_owned())).await.into())
    }
}
