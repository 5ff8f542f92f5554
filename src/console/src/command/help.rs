//! `help [COMMAND]`: what there is to type.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Command, commands};
use crate::control::Control;
use crate::protocol::Reply;

/// The command.
pub(crate) struct Help;

#[async_trait]
impl Command for Help {
    fn usage(&self) -> &'static str {
        "help [COMMAND]"
    }

    fn help(&self) -> &'static str {
        "all commands, or one of them"
    }

    async fn run(&self, arguments: &[&str], _control: &dyn Control) -> Option<Reply> {
        let wanted = match *arguments {
            [] => None,
            [name] => Some(name),
            _ => return None,
        };
        let told = commands().filter(|one| wanted.is_none_or(|name| one.name() == name));
        let told: Vec<Value> =
            told.map(|one| json!({"usage": one.usage, "help": one.help})).collect();
        Some(match (told.is_empty(), wanted) {
            (true, Some(name)) => super::unknown(name),
            _ => Reply::Ok { ok: json!({ "commands": told }) },
        })
    }
}
