//! `refuge formats`: what this version reads of what is on disk, for an upgrade to compare.

use clap::Args;
use serde_json::json;

use super::console;
use crate::exit::Failure;

/// Show which formats of stored data this version writes, as JSON
#[derive(Debug, Args)]
pub(crate) struct Formats {}

impl Formats {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let told = json!({ "storage": refuge_storage::FORMAT });
        console::show(&console::command("formats"), &told, true);
        Ok(())
    }
}
