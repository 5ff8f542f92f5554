//! Idle databases: which of the open ones nobody uses, and how they are closed without making anybody
//! wait who asks for another.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use refuge_otp::DynamicSupervisor;

use super::{DatabaseDirectoryMessage, DatabaseDirectoryState};
use crate::configuration::CurrentSettings;
use crate::names;

/// When idle databases are closed while the settings are not to be had.
const DEFAULT_IDLE: Duration = Duration::from_secs(60);

/// Databases closed before the messages that came meanwhile have their turn: a few milliseconds' work.
const CLOSED_AT_ONCE: usize = 32;

impl DatabaseDirectoryState {
    /// Asks itself to look for idle databases after their time.
    pub(super) fn look_again(&self) {
        let idle = self
            .names()
            .value::<CurrentSettings>(names::CONFIGURATION)
            .map_or(DEFAULT_IDLE, |current| {
                Duration::from_secs(current.settings.databases.idle_seconds)
            });
        self.myself.send_after(idle, || DatabaseDirectoryMessage::LookForIdle);
    }

    /// Closes every database that was not asked for since the last look and that nobody holds.
    pub(super) async fn look_for_idle(&mut self) {
        let unused: Vec<String> = self
            .open
            .iter()
            .filter(|(_, open)| !open.used.swap(false, Ordering::Relaxed))
            .map(|(name, _)| name.clone())
            .collect();
        self.close_idle(unused).await;
    }

    /// Closes the first of these, and asks itself to go on with the rest.
    pub(super) async fn close_idle(&mut self, mut unused: Vec<String>) {
        let rest = unused.split_off(unused.len().min(CLOSED_AT_ONCE));
        for name in unused {
            self.close_unless_used(&name).await;
        }
        if rest.is_empty() {
            self.look_again();
        } else {
            // The actor itself is running, so this cannot fail.
            let _ = self.myself.cast(DatabaseDirectoryMessage::CloseIdle(rest));
        }
    }

    async fn close_unless_used(&mut self, name: &str) {
        if self.open.get(name).is_none_or(|open| open.used.load(Ordering::Relaxed)) {
            return;
        }
        let Some(open) = self.open.remove(name) else {
            return;
        };
        let key = names::database(name);
        self.names().withdraw(&self.myself.get_cell(), &key);
        // From here nobody new finds it; a request or a feed that found it before still holds it.
        if Arc::strong_count(&open) > 1 {
            self.publish(open);
            return;
        }
        let supervisor = DynamicSupervisor::new(self.names(), names::OPEN_DATABASES);
        if let Err(error) = supervisor.stop_child(&key).await {
            tracing::debug!(database = name, %error, "an idle database was not there to be closed");
        }
    }
}
