//! `refuge console`: a node with a prompt before it. Its log goes to files, since the prompt has the
//! terminal; the end of the prompt is the end of the node.

use clap::Args;

use super::foreground::{How, Place};
use super::{attach, console, waiting};
use crate::exit::Failure;

/// Run a node with a prompt; `quit` shuts it down in order
#[derive(Debug, Args)]
pub(crate) struct WithPrompt {
    #[command(flatten)]
    start: How,
}

impl WithPrompt {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let root = self.start.root.absolute()?;
        let start = self.start;
        let node = std::thread::spawn(move || start.run(Place::Prompt));
        let own = std::process::id();
        let prompted = loop {
            if node.is_finished() {
                break Ok(());
            }
            match waiting::until_up_or(&root, || node.is_finished()) {
                Some(status) if status.get("pid") == Some(&own.into()) => {
                    break attach::attach(&root);
                }
                // Another node runs under this root: this one is about to say so.
                Some(_) | None => {}
            }
        };
        if !node.is_finished() {
            console::ask(&root, &console::command("stop"))?;
        }
        let ended = node.join().unwrap_or_else(|_| Err(Failure::GaveUp("it panicked".to_owned())));
        ended.and(prompted)
    }
}
