//! The version that goes on after this one, in the same process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use refuge_supervisors::{RunningNode, Sockets};

use super::foreground::HOOKS_LIMIT;
use crate::exit::Failure;
use crate::release::{NO_RELEASE, Release};
use crate::{service, sockets};

/// Requests that were accepted are finished within this, and the engine closes.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// All that is needed to go on.
pub(super) struct Next {
    version: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    sockets: Sockets,
    /// Starts the guard.
    guard: Command,
}

impl Next {
    /// Makes everything ready while the node runs, so that it stays up where something is missing.
    pub(super) fn prepare(node: &RunningNode, version: &str) -> Result<Self, Failure> {
        let release = Release::running();
        let release = release.ok_or_else(|| Failure::Upgrade(NO_RELEASE.to_owned()))?;
        let program = release.program(version);
        if !program.is_file() {
            let reason = format!("{} is no program", program.display());
            return Err(Failure::Upgrade(reason));
        }
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        let sockets = node.sockets().map_err(Failure::Runtime)?;
        let former = release.program(&release.version);
        let watching = watching(node, version, &former, &arguments);
        let mut guard = sockets::command(&former, &watching, &sockets).map_err(Failure::Runtime)?;
        guard.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Self { version: version.to_owned(), program, arguments, sockets, guard })
    }

    /// Shuts the node down in order, its sockets kept, and has somebody watch over what comes.
    pub(super) async fn hand_over(mut self, node: &RunningNode) -> Result<Self, Failure> {
        tracing::info!(version = self.version, "going on as another version, as an admin asked");
        service::upgrading(&self.version);
        node.tell_stopping(HOOKS_LIMIT).await;
        let ended = tokio::time::timeout(SHUTDOWN_LIMIT, node.hand_over()).await;
        ended.map_err(|_| Failure::ShutdownTooSlow(SHUTDOWN_LIMIT))?;
        // It outlives this program, and is nobody's child that is waited for: the program that is next knows
        // nothing of it.
        self.guard.spawn().map_err(Failure::Runtime)?;
        Ok(self)
    }

    /// Becomes the next version; the failure is why that did not come about, and the guard goes on as the
    /// former one.
    pub(super) fn go_on(self) -> Failure {
        let error = sockets::become_program(&self.program, &self.arguments, &self.sockets);
        Failure::Upgrade(format!("{} cannot be started: {error}", self.program.display()))
    }
}

/// With what the guard is started.
fn watching(
    node: &RunningNode,
    version: &str,
    former: &Path,
    arguments: &[OsString],
) -> Vec<OsString> {
    let mut watching: Vec<OsString> = vec!["guard".into(), "--process".into()];
    watching.push(std::process::id().to_string().into());
    watching.extend(["--version".into(), version.into(), "--former".into(), former.into()]);
    watching.extend(["--root".into(), node.root_directory().into(), "--".into()]);
    watching.extend(arguments.iter().cloned());
    watching
}
