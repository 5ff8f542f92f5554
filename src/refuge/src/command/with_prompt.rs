//! `refuge console`: a node with a prompt before it. Its log goes to files, since the prompt has the
//! terminal; the end of the prompt is the end of the node.

use std::io::Write;
use std::path::Path;
use std::sync::mpsc;

use clap::Args;
use refuge_console::PromptError;
use refuge_supervisors::RunningNode;

use super::foreground::{How, Place, announce_link};
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
        let (told, up) = mpsc::channel::<()>();
        let node = std::thread::spawn(move || {
            let announce = move |node: &RunningNode| {
                announce_link(node, &mut std::io::stderr());
                drop(told);
            };
            start.run(Place::Prompt, announce)
        });
        // Nothing is sent: what is told stands before the prompt, or the node did not come up.
        let _ = up.recv();
        let prompted = prompt_until_enough(&root, || node.is_finished());
        while !node.is_finished() && console::ask(&root, &console::command("stop")).is_err() {
            // It is being restarted, and hears that afterwards.
            waiting::until_up_or(&root, || node.is_finished());
        }
        let ended = node.join().unwrap_or_else(|_| Err(Failure::GaveUp("it panicked".to_owned())));
        ended.and(prompted)
    }
}

/// Asks for lines until somebody has enough or the node has ended. A session that is lost (the part that
/// serves it was restarted, or a command took too long) is no end: another one takes its place.
fn prompt_until_enough(root: &Path, is_over: impl Fn() -> bool) -> Result<(), Failure> {
    let own = std::process::id();
    while !is_over() {
        match waiting::until_up_or(root, &is_over) {
            Some(status) if status.get("pid") == Some(&own.into()) => {}
            // Another node runs under this root: this one is about to say so.
            Some(_) | None => continue,
        }
        match attach::attach(root) {
            Err(
                lost @ (Failure::Prompt(PromptError::Node(_))
                | Failure::Console(_)
                | Failure::NoAnswer(_)),
            ) => {
                // A node that was told to stop has said so.
                if !is_over() {
                    let _ = writeln!(std::io::stderr(), "refuge: {}", lost.sentence());
                }
            }
            ended => return ended,
        }
    }
    Ok(())
}
