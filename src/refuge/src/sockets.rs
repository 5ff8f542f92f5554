//! Listening sockets that travel from one program to the next: this process is started with some by an
//! upgrade or by a service manager (`LISTEN_FDS`), and gives some to the program that it becomes.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};

use command_fds::{CommandFdExt as _, FdMapping};
use listenfd::ListenFd;
use refuge_supervisors::Sockets;

/// The number that the first socket has in the next program: beyond what this one has open.
const FIRST: i32 = 200;
/// How sockets are named in `LISTEN_FDNAMES`, always in this order.
const NAMES: [&str; 4] = ["http", "https", "console", "mesh"];

/// Those that this process was started with.
static INHERITED: OnceLock<Arc<Mutex<Sockets>>> = OnceLock::new();

/// To be called before there is a second thread, since it takes variables out of the environment.
pub(crate) fn inherit() {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut given = ListenFd::from_env();
    let mut sockets = Sockets::default();
    for place in 0..given.len() {
        // Of a manager that names nothing, the first is for clients.
        let name = names.split(':').nth(place).filter(|name| NAMES.contains(name));
        match name.unwrap_or(if place == 0 { "http" } else { "" }) {
            "http" => sockets.http = given.take_tcp_listener(place).ok().flatten(),
            "https" => sockets.https = given.take_tcp_listener(place).ok().flatten(),
            "console" => sockets.console = given.take_unix_listener(place).ok().flatten(),
            "mesh" => sockets.mesh = given.take_tcp_listener(place).ok().flatten(),
            _ => {}
        }
    }
    let _ = INHERITED.set(Arc::new(Mutex::new(sockets)));
}

/// Those that this process was started with, for whoever takes them first.
pub(crate) fn inherited() -> Arc<Mutex<Sockets>> {
    INHERITED.get().cloned().unwrap_or_default()
}

/// A program that is given these sockets.
pub(crate) fn command(
    program: &Path,
    arguments: &[OsString],
    sockets: &Sockets,
) -> io::Result<Command> {
    let given: [Option<OwnedFd>; NAMES.len()] = [
        sockets.http.as_ref().map(|one| one.try_clone()).transpose()?.map(OwnedFd::from),
        sockets.https.as_ref().map(|one| one.try_clone()).transpose()?.map(OwnedFd::from),
        sockets.console.as_ref().map(|one| one.try_clone()).transpose()?.map(OwnedFd::from),
        sockets.mesh.as_ref().map(|one| one.try_clone()).transpose()?.map(OwnedFd::from),
    ];
    let mut command = Command::new(program);
    command.args(arguments).env_remove("LISTEN_PID");
    let (mut mappings, mut names) = (Vec::new(), Vec::new());
    for (name, socket) in NAMES.into_iter().zip(given) {
        let Some(parent_fd) = socket else { continue };
        let child_fd = FIRST + i32::try_from(mappings.len()).unwrap_or(0);
        mappings.push(FdMapping { parent_fd, child_fd });
        names.push(name);
    }
    command
        .env("LISTEN_FDS", mappings.len().to_string())
        .env("LISTEN_FDS_FIRST_FD", FIRST.to_string())
        .env("LISTEN_FDNAMES", names.join(":"));
    command.fd_mappings(mappings).map_err(io::Error::other)?;
    Ok(command)
}

/// Becomes another program, which has the sockets and this process's number. It returns only where that
/// fails.
pub(crate) fn become_program(
    program: &Path,
    arguments: &[OsString],
    sockets: &Sockets,
) -> io::Error {
    match command(program, arguments, sockets) {
        Ok(mut command) => command.exec(),
        Err(error) => error,
    }
}
