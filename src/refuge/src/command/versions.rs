//! `refuge versions`.

use std::io::Write;

use clap::Args;

use super::{Root, console};
use crate::exit::Failure;
use crate::release::{self, Release};

/// Show the versions that are unpacked, which of them starts, and which runs
#[derive(Debug, Args)]
pub(crate) struct Versions {
    #[command(flatten)]
    root: Root,
}

impl Versions {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let root = self.root.absolute()?;
        let place = Release::running().map_or_else(|| root.clone(), |release| release.root);
        let told = |source| Failure::Directory { path: place.clone(), source };
        let found = release::Versions::under(&place).map_err(told)?;
        let running = console::ask(&root, &console::command("status")).ok();
        let running = running.as_ref().and_then(|status| status.get("version")?.as_str());
        let mut text = String::new();
        for version in &found.all {
            let marks = [
                (found.permanent.as_ref() == Some(version)).then_some("permanent"),
                (running == Some(version)).then_some("running"),
            ];
            let marks: Vec<&str> = marks.into_iter().flatten().collect();
            text.push_str(format!("{version}  {}", marks.join(",")).trim_end());
            text.push('\n');
        }
        if found.all.is_empty() {
            text = format!("{}  not a release\n", *release::VERSION);
        }
        // A reader that went away has seen enough.
        let _ = std::io::stdout().write_all(text.as_bytes());
        Ok(())
    }
}
