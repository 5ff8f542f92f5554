//! `config …`: the settings in force, and changes of them.

use async_trait::async_trait;

use super::Command;
use crate::control::{ConfigurationWish, Control, Question};
use crate::protocol::Reply;

/// The command.
pub(crate) struct Config;

#[async_trait]
impl Command for Config {
    fn usage(&self) -> &'static str {
        "config [SECTION [KEY]] | config set SECTION KEY VALUE | config unset SECTION KEY | config reload"
    }

    fn help(&self) -> &'static str {
        "show the settings in force, change one for good, or read the files anew"
    }

    async fn run(&self, arguments: &[&str], control: &dyn Control) -> Option<Reply> {
        let text = |text: &str| text.to_owned();
        let wish = match *arguments {
            ["reload"] => ConfigurationWish::Reload,
            ["set", section, key, value] => ConfigurationWish::Set {
                section: text(section),
                key: text(key),
                value: Some(text(value)),
            },
            ["unset", section, key] => {
                ConfigurationWish::Set { section: text(section), key: text(key), value: None }
            }
            [] => ConfigurationWish::Show { section: None, key: None },
            [section] => ConfigurationWish::Show { section: Some(text(section)), key: None },
            [section, key] => {
                ConfigurationWish::Show { section: Some(text(section)), key: Some(text(key)) }
            }
            _ => return None,
        };
        Some(control.ask(Question::Configuration(wish)).await.into())
    }
}
