//! A task that belongs to an actor: it ends when its owner's state is dropped, however the owner ends.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;

/// A running task; dropping it ends the task at its next await.
pub(crate) struct OwnedTask(JoinHandle<()>);

impl OwnedTask {
    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(future))
    }

    /// A task that is begun again, after a rest, whenever it ends or panics: for work that nobody waits for
    /// and that must not use up its supervisor's patience.
    pub(crate) fn again<F: Future<Output = ()> + Send + 'static>(
        rest: Duration,
        mut begin: impl FnMut() -> F + Send + 'static,
    ) -> Self {
        Self::spawn(async move {
            loop {
                Self::spawn(begin()).finished().await;
                tokio::time::sleep(rest).await;
            }
        })
    }

    /// Waits until the task has ended by itself.
    pub(crate) async fn finished(mut self) {
        let _ = (&mut self.0).await;
    }
}

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
