//! `dbs [PREFIX]`: the databases.

use async_trait::async_trait;

use super::Command;
use crate::control::{Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Databases;

#[async_trait]
impl Command for Databases {
    fn usage(&self) -> &'static str {
        "dbs [PREFIX]"
    }

    fn help(&self) -> &'static str {
        "the databases with documents, deletions, bytes and whether they are open"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let prefix = match *arguments {
            [] => String::new(),
            [prefix] => prefix.to_owned(),
            _ => return None,
        };
        Some(control.ask(Question::Databases(prefix)).await.into())
    }
}
