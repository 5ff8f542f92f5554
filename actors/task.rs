//! Tasks: one that belongs to an actor ends when its owner's state is dropped, however the owner ends; others
//! end by themselves.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Runs a task that ends by itself. Every task is given to the runtime as one and the same type: it makes some
/// 4 KiB of code for each type.
pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
    tokio::spawn(future)
}

/// Does what is wanted now. Whenever that becomes something else, what went on is dropped and `run` begins
/// anew; what has ended by itself rests until then. Returns when nobody can want anything any more.
pub(crate) async fn follow<T: Clone, F: Future<Output = ()>>(
    mut wanted: watch::Receiver<T>,
    mut run: impl FnMut(T) -> F,
) {
    loop {
        let now = wanted.borrow_and_update().clone();
        let run = run(now);
        let changed = tokio::select! {
            changed = wanted.changed() => changed,
            () = run => wanted.changed().await,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Wants something from now on; what is wanted already is not begun anew.
pub(crate) fn want<T: PartialEq>(wanted: &watch::Sender<T>, now: T) {
    wanted.send_if_modified(|before| {
        let is_another = *before != now;
        *before = now;
        is_another
    });
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    /// Tells when it is dropped.
    struct Running(u8, mpsc::UnboundedSender<(u8, bool)>);

    impl Drop for Running {
        fn drop(&mut self) {
            let _ = self.1.send((self.0, false));
        }
    }

    #[tokio::test]
    async fn what_is_wanted_no_more_is_dropped_before_something_else_begins() {
        let (wanted, receiver) = watch::channel(1);
        let (told, mut hears) = mpsc::unbounded_channel();
        let following = tokio::spawn(follow(receiver, move |now| {
            let running = Running(now, told.clone());
            let _ = told.send((now, true));
            async move {
                // The second ends by itself, and is not begun again for that.
                if now != 2 {
                    std::future::pending::<()>().await;
                }
                drop(running);
            }
        }));
        assert_eq!(hears.recv().await, Some((1, true)));
        want(&wanted, 1);
        want(&wanted, 2);
        for expected in [(1, false), (2, true), (2, false)] {
            assert_eq!(hears.recv().await, Some(expected));
        }
        want(&wanted, 3);
        assert_eq!(hears.recv().await, Some((3, true)));
        drop(wanted);
        following.await.unwrap();
        assert_eq!(hears.recv().await, Some((3, false)));
        assert_eq!(hears.recv().await, None);
    }
}
