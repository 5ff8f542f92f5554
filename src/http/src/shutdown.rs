//! The sign that the node is about to stop, as feeds and connections wait for it. Who gives it does
//! not belong here.

use tokio::sync::watch;

/// A cheap handle on "the node is about to stop".
#[derive(Clone, Debug)]
pub struct Shutdown {
    receiver: watch::Receiver<bool>,
}

impl Shutdown {
    /// From a channel that turns `true` once; a dropped sender counts as `true`.
    pub fn new(receiver: watch::Receiver<bool>) -> Self {
        Self { receiver }
    }

    /// Whether the sign was given.
    pub fn is_requested(&self) -> bool {
        *self.receiver.borrow() || self.receiver.has_changed().is_err()
    }

    /// Waits for the sign.
    pub async fn requested(&self) {
        let mut receiver = self.receiver.clone();
        // An error means that the sender is gone, which is a shutdown as well.
        let _ = receiver.wait_for(|requested| *requested).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sign_or_a_lost_sender_is_a_shutdown() {
        let (sender, receiver) = watch::channel(false);
        let shutdown = Shutdown::new(receiver);
        assert!(!shutdown.is_requested());
        sender.send(true).expect("somebody listens");
        shutdown.requested().await;
        assert!(shutdown.is_requested());

        let (sender, receiver) = watch::channel(false);
        drop(sender);
        let shutdown = Shutdown::new(receiver);
        shutdown.requested().await;
        assert!(shutdown.is_requested());
    }
}
