//! The door of the writer's thread: what it may be asked, and why it may not answer. What the
//! operations mean is the storage's.

mod group;
mod metrics;
mod thread;

use refuge_http::Failure;
use refuge_storage::{Collected, DueGarbage, FreeSpace, Operation, Outcome};
use tokio::sync::{mpsc, oneshot};

use group::{Answer, Completion, Job, size_bytes};
pub(crate) use metrics::WriterMetrics;
pub(crate) use thread::WriterThread;

/// Why an operation has no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteFailure {
    /// The engine went down before it answered: whether the write was stored is unknown.
    #[error("the storage engine is being restarted; whether the write was stored is unknown")]
    Unknown,
    /// The disk is nearly full: nothing was written.
    #[error(
        "the disk is nearly full: {available} MiB are left and {least} MiB are kept free; make room on \
         the file system of var/data, or lower storage.free_bytes_least",
        available = .0.available_bytes / MIB, least = .0.least_bytes / MIB
    )]
    NoRoom(FreeSpace),
}

const MIB: u64 = 1024 * 1024;

impl From<WriteFailure> for Failure {
    fn from(failure: WriteFailure) -> Self {
        match failure {
            WriteFailure::Unknown => Self::Unavailable(failure.to_string()),
            WriteFailure::NoRoom(_) => Self::InsufficientStorage(failure.to_string()),
        }
    }
}

/// The door of the writer's thread. Cheap to clone; of no use once its engine is gone.
#[derive(Clone)]
pub struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Commits one operation; `Ok` means that it is on disk.
    pub async fn commit(&self, operation: Operation) -> Result<Outcome, WriteFailure> {
        let (sender, receiver) = oneshot::channel();
        let answer = Box::new(move |result| {
            let _ = sender.send(result);
        });
        self.submit(operation, answer).await?;
        receiver.await.unwrap_or(Err(WriteFailure::Unknown))
    }

    /// Hands one operation over; `answer` is called on the writer's thread, in commit order, after
    /// the commit, or with a failure when the engine goes down before.
    pub async fn submit(&self, operation: Operation, answer: Answer) -> Result<(), WriteFailure> {
        let bytes = size_bytes(&operation);
        let completion = Completion(Some(answer));
        let job = Job::Commit { operation, bytes, completion };
        self.jobs.send(job).await.map_err(|_| WriteFailure::Unknown)
    }

    /// Waits until all that was handed over before is committed.
    pub async fn barrier(&self) -> Result<(), WriteFailure> {
        let (reply, receiver) = oneshot::channel();
        self.jobs.send(Job::Barrier { reply }).await.map_err(|_| WriteFailure::Unknown)?;
        receiver.await.map_err(|_| WriteFailure::Unknown)
    }

    /// Removes some rows of dropped databases, and notes what stands out in some documents of databases of an
    /// earlier version; tells whether more is left to do.
    pub async fn drop_rows(&self) -> Result<bool, WriteFailure> {
        let (reply, receiver) = oneshot::channel();
        self.jobs.send(Job::DropRows { reply }).await.map_err(|_| WriteFailure::Unknown)?;
        receiver.await.map_err(|_| WriteFailure::Unknown)
    }

    /// Removes garbage that is due.
    pub async fn collect(&self, due: DueGarbage) -> Result<Collected, WriteFailure> {
        let (reply, receiver) = oneshot::channel();
        self.jobs.send(Job::Collect { due, reply }).await.map_err(|_| WriteFailure::Unknown)?;
        receiver.await.map_err(|_| WriteFailure::Unknown)
    }
}
