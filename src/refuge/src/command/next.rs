//! The version that goes on after this one, in the same process.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use refuge_supervisors::{RunningNode, Sockets};

use super::foreground::HOOKS_LIMIT;
use crate::exit::Failure;
use crate::release::Release;
use crate::{service, sockets};

/// Requests that were accepted are finished within this, and the engine closes.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(5);

/// All that is needed to go on.
pub(super) struct Next {
    program: PathBuf,
    arguments: Vec<OsString>,
    sockets: Sockets,
}

impl Next {
    /// Shuts the node down in order, its sockets kept, and has somebody watch over what comes.
    pub(super) async fn prepare(node: &RunningNode, version: &str) -> Result<Self, Failure> {
        let release = Release::running();
        let release = release.ok_or_else(|| Failure::Upgrade("this is no release".to_owned()))?;
        tracing::info!(version, "going on as another version, as an admin asked");
        let program = release.program(version);
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        service::upgrading(version);
        node.tell_stopping(HOOKS_LIMIT).await;
        let handed = tokio::time::timeout(SHUTDOWN_LIMIT, node.hand_over()).await;
        let sockets = handed.map_err(|_| Failure::ShutdownTooSlow(SHUTDOWN_LIMIT))?;
        let sockets = sockets.map_err(Failure::Runtime)?;
        let next = Self { program, arguments, sockets };
        next.guard(node, version, &release)?;
        Ok(next)
    }

    /// Starts the guard, which outlives this program.
    fn guard(&self, node: &RunningNode, version: &str, release: &Release) -> Result<(), Failure> {
        let former = release.program(&release.version);
        let mut arguments: Vec<OsString> = vec!["guard".into(), "--process".into()];
        arguments.push(std::process::id().to_string().into());
        arguments.extend(["--version".into(), version.into(), "--former".into()]);
        arguments.push(former.clone().into());
        arguments.extend(["--root".into(), node.root_directory().into(), "--".into()]);
        arguments.extend(self.arguments.iter().cloned());
        let command = sockets::command(&former, &arguments, &self.sockets);
        let mut command = command.map_err(Failure::Runtime)?;
        command.stdin(Stdio::null()).stdout(Stdio::null());
        // It is nobody's child that is waited for: the program that is next knows nothing of it.
        command.spawn().map(drop).map_err(Failure::Runtime)
    }

    /// Becomes the next version; the failure is why that did not come about, and the guard goes on as the
    /// former one.
    pub(super) fn go_on(self) -> Failure {
        let error = sockets::become_program(&self.program, &self.arguments, &self.sockets);
        Failure::Upgrade(format!("{} cannot be started: {error}", self.program.display()))
    }
}
