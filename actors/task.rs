//! Tasks: one that belongs to an actor ends when its owner's state is dropped, however the owner ends; others
//! end by themselves.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::task::JoinHandle;

/// Runs a task that ends by itself. Every task is given to the runtime as one and the same type: it makes some
/// 4 KiB of code for each type.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
    tokio::spawn(future)
}

/// A running task; dropping it ends the task at its next await.
pub(crate) struct OwnedTask(JoinHandle<()>);

impl OwnedTask {
    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(spawn(future))
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

    pub(crate) fn is_finished(&self) -> bool {
        self.0.is_finished()
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
