//! The pace of a feed that is open: how long it waits for what comes, when it has to show life, and
//! when it is over. What it waits for is told by the feed.

use tokio::time::Instant;

use super::{Framing, Patience};
use crate::failure::Failure;
use crate::shutdown::Shutdown;
use crate::stream::ReplySender;

/// The pace of one feed.
pub(crate) struct Pace {
    patience: Patience,
    shutdown: Shutdown,
    /// When something was sent last.
    quiet_since: Instant,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// There is something new, up to this number.
    Changed(u64),
    /// Nothing happened for as long as a sign of life may take.
    Quiet,
    /// The client's patience is at its end, the node is about to stop, or nothing can come any more.
    Over,
}

impl Pace {
    /// For a feed that begins.
    pub(crate) fn new(patience: Patience, shutdown: Shutdown) -> Self {
        Self { patience, shutdown, quiet_since: Instant::now() }
    }

    /// Sends what is written, and remembers that something was.
    pub(crate) async fn send(&mut self, sender: &mut ReplySender) -> Result<(), Failure> {
        if !sender.buffer().is_empty() {
            sender.flush().await?;
            self.quiet_since = Instant::now();
        }
        Ok(())
    }

    /// Waits until `changed` tells a number; where it tells none the feed is over.
    pub(crate) async fn wait(&self, changed: impl Future<Output = Option<u64>>) -> Woken {
        let quiet = self.quiet_since + self.patience.interval();
        tokio::select! {
            biased;
            () = self.shutdown.requested() => Woken::Over,
            // Before the changes: where each is followed by another and none passes, they would never
            // leave it its turn.
            () = tokio::time::sleep_until(quiet) => match self.patience {
                Patience::Heartbeat(_) => Woken::Quiet,
                Patience::Timeout(_) => Woken::Over,
            },
            changed = changed => changed.map_or(Woken::Over, Woken::Changed),
        }
    }

    /// Waits for the sign that the node is about to stop.
    pub(crate) async fn told_to_stop(&self) {
        self.shutdown.requested().await;
    }

    /// Long work without rows shows life as well.
    pub(crate) async fn show_life_when_due(
        &mut self,
        framing: Framing,
        sender: &mut ReplySender,
    ) -> Result<(), Failure> {
        match self.patience {
            Patience::Heartbeat(interval) if self.quiet_since.elapsed() >= interval => {
                framing.heartbeat(sender.buffer());
                self.send(sender).await
            }
            _ => Ok(()),
        }
    }
}
