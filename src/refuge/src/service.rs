//! What the service manager hears (`Type=notify`): ready, reloading, stopping. Where there is none, nobody
//! hears it.

use sd_notify::NotifyState;

/// Told at the right moments; the socket is the environment's `NOTIFY_SOCKET`.
fn tell(states: &[NotifyState<'_>]) {
    // A manager that does not hear decides by its own limits of time.
    if let Err(error) = sd_notify::notify(false, states) {
        tracing::warn!(%error, "the service manager was not told");
    }
}

/// Every part is up.
pub(crate) fn ready(address: &str) {
    let status = format!("listening on {address}");
    let process = NotifyState::MainPid(std::process::id());
    tell(&[NotifyState::Ready, process, NotifyState::Status(&status)]);
}

/// The configuration is being read anew; [`ready`] ends it.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// The ordered shutdown begins.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("shutting down")]);
}

/// Another version goes on in this process.
pub(crate) fn upgrading(version: &str) {
    let status = format!("going on as version {version}");
    tell(&[NotifyState::Status(&status)]);
}
