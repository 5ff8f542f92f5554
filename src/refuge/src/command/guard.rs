//! `refuge guard`: watches over an upgrade. It holds the sockets until the new version is up; where that does
//! not come up it ends it and becomes the old one again, so nobody who connects meanwhile is refused.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use rustix::process::{Pid, Signal, kill_process};

use super::{Root, console, waiting};
use crate::exit::Failure;
use crate::sockets;

/// How long the new version may take: opening checks the data.
const MOST: Duration = Duration::from_secs(30);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Watch over an upgrade, as `upgrade` starts it
#[derive(Debug, Args)]
pub(crate) struct Guard {
    /// The process that becomes the new version
    #[arg(long)]
    process: i32,
    /// The new version
    #[arg(long)]
    version: String,
    /// The program of the old one
    #[arg(long)]
    former: PathBuf,
    #[command(flatten)]
    root: Root,
    /// What the old one was started with
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

impl Guard {
    pub(crate) fn run(self) -> Result<(), Failure> {
        // Not with whoever asked for the upgrade.
        let _ = rustix::process::setsid();
        let root = self.root.absolute()?;
        let Some(process) = Pid::from_raw(self.process) else { return Ok(()) };
        let limit = Instant::now() + MOST;
        while Instant::now() < limit && waiting::lives(process) {
            if self.is_up(&root) {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        // It may have ended by itself.
        let _ = kill_process(process, Signal::KILL);
        while waiting::lives(process) && Instant::now() < limit + MOST {
            std::thread::sleep(LOOK);
        }
        let given = sockets::inherited();
        let given = given.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let error = sockets::become_program(&self.former, &self.arguments, &given);
        Err(Failure::Runtime(error))
    }

    fn is_up(&self, root: &std::path::Path) -> bool {
        let Ok(session) = console::Session::open(root) else { return false };
        let version = session.request(&console::command("status"));
        let version = version.ok().and_then(|status| Some(status.get("version")? == &self.version));
        version == Some(true) && session.request(&console::command("ping")).is_ok()
    }
}
