//! Work that may block or takes long, on threads of the runtime that are there for it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;

/// The work did not come to its end: it panicked, which was told in the log, or the node is ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("work on a thread that may block was stopped")]
pub(crate) struct Stopped;

/// Runs `job` there, of which nobody has to wait for the end.
///
/// Every job is given to the runtime as one and the same type: it makes some 3 KiB of code for each type of
/// job, of which a node has hundreds.
pub(crate) fn aside(job: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let job: Box<dyn FnOnce() + Send> = Box::new(job);
    tokio::task::spawn_blocking(job)
}

/// Runs `job` there and waits for what it answers. It goes on where nobody waits for it any more.
///
/// # Errors
/// [`Stopped`].
pub(crate) async fn blocking<R: Send + 'static>(
    job: impl FnOnce() -> R + Send + 'static,
) -> Result<R, Stopped> {
    let result = Arc::new(Mutex::new(None));
    let place = Arc::clone(&result);
    let job = aside(move || {
        let done = job();
        *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
    });
    job.await.map_err(|_| Stopped)?;
    let done = result.lock().unwrap_or_else(PoisonError::into_inner).take();
    done.ok_or(Stopped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_job_answers_or_is_told_to_have_stopped() {
        assert_eq!(blocking(|| 7).await, Ok(7));
        assert_eq!(blocking(|| -> u8 { panic!("on purpose") }).await, Err(Stopped));
        assert_eq!(blocking(|| "still there").await, Ok("still there"));
    }
}
