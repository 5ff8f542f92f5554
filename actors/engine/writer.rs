//! The writer's thread: takes what callers send, gathers all that waits into one group, commits it
//! with one sync, and answers each caller after it. What the operations mean is the storage's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use metrics::{Counter, Histogram, counter, histogram};
use refuge_http::Failure;
use refuge_storage::{Collected, DueGarbage, Engine, FreeSpace, Operation, Outcome, UploadStep};
use tokio::sync::{mpsc, oneshot};

/// Operations that may wait; a caller beyond it waits outside, and shards have limits of their own.
const QUEUE_JOBS: usize = 1024;
/// A group is closed at this size, so that one commit does not hold up the next caller for long.
const GROUP_BYTES: usize = 1024 * 1024;
/// Rows of dropped databases removed between two groups.
const DROPPED_ROWS_AT_ONCE: usize = 2_000;

/// Time for an ordered stop to write memory tables out, so that the next start has nothing to replay.
const FLUSH_TIME: Duration = Duration::from_millis(1_000);

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

/// Called once, on the writer's thread, in commit order.
type Answer = Box<dyn FnOnce(Result<Outcome, WriteFailure>) + Send>;

/// An answer that is given even when the job is dropped unanswered.
struct Completion(Option<Answer>);

impl Completion {
    fn complete(mut self, result: Result<Outcome, WriteFailure>) {
        if let Some(answer) = self.0.take() {
            answer(result);
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer(Err(WriteFailure::Unknown));
        }
    }
}

enum Job {
    Commit {
        operation: Operation,
        bytes: usize,
        completion: Completion,
    },
    Barrier {
        reply: oneshot::Sender<()>,
    },
    DropRows {
        reply: oneshot::Sender<bool>,
    },
    Collect {
        due: DueGarbage,
        reply: oneshot::Sender<Collected>,
    },
    /// Wakes the thread so that it sees that it is to stop.
    Stop,
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

    /// Removes some rows of dropped databases; tells whether more are left.
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

/// The running thread; dropping it stops the thread, which closes the engine.
pub(crate) struct WriterThread {
    stopping: Arc<AtomicBool>,
    jobs: mpsc::Sender<Job>,
    closed: Option<oneshot::Receiver<()>>,
}

impl WriterThread {
    /// Starts the thread. `kept_free` tells how much of the disk is to be kept free (0: chosen by
    /// the engine); `poisoned` is called when a commit failed, after which the thread ends.
    pub(crate) fn start(
        engine: Engine,
        metrics: WriterMetrics,
        kept_free: impl Fn() -> u64 + Send + 'static,
        poisoned: impl FnOnce(String) + Send + 'static,
    ) -> std::io::Result<(Self, Writer)> {
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS);
        let stopping = Arc::new(AtomicBool::new(false));
        let (closed_sender, closed) = oneshot::channel();
        let stop = Arc::clone(&stopping);
        std::thread::Builder::new().name("refuge-writer".to_owned()).spawn(move || {
            let kept_free = Box::new(kept_free);
            let result = Loop { engine, metrics, queue, stopping: stop, kept_free }.run();
            let _ = closed_sender.send(());
            if let Err(reason) = result {
                poisoned(reason);
            }
        })?;
        let writer = Writer { jobs: jobs.clone() };
        Ok((Self { stopping, jobs, closed: Some(closed) }, writer))
    }

    /// Commits what waits, closes the engine, and returns when that is done.
    pub(crate) async fn finish(mut self) {
        let closed = self.closed.take();
        let _ = self.jobs.send(Job::Stop).await;
        if let Some(closed) = closed {
            let _ = closed.await;
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        // A full queue means that the thread is awake and will see the flag by itself.
        let _ = self.jobs.try_send(Job::Stop);
    }
}

/// The lines that the writer counts.
pub(crate) struct WriterMetrics {
    commits: Counter,
    operations: Counter,
    document_writes: Counter,
    group_operations: Histogram,
    seconds: Histogram,
}

impl WriterMetrics {
    /// The lines of the node with this label.
    pub(crate) fn of_node(node: &str) -> Self {
        let labels = [("node", node.to_owned())];
        Self {
            commits: counter!("refuge_commits_total", &labels),
            operations: counter!("refuge_committed_operations_total", &labels),
            document_writes: counter!("refuge_document_writes_total", &labels),
            group_operations: histogram!("refuge_commit_group_operations", &labels),
            seconds: histogram!("refuge_commit_seconds", &labels),
        }
    }

    fn count(&self, outcomes: &[Outcome], time: Duration) {
        self.commits.increment(1);
        self.operations.increment(outcomes.len() as u64);
        self.group_operations.record(outcomes.len() as f64);
        self.seconds.record(time.as_secs_f64());
        let documents = outcomes.iter().map(|outcome| match outcome {
            Outcome::Documents(committed) => committed.documents.len() as u64,
            _ => 0,
        });
        self.document_writes.increment(documents.sum());
    }
}

struct Loop {
    engine: Engine,
    metrics: WriterMetrics,
    queue: mpsc::Receiver<Job>,
    stopping: Arc<AtomicBool>,
    kept_free: Box<dyn Fn() -> u64>,
}

impl Loop {
    /// Runs until told to stop; an error means that the engine is poisoned.
    fn run(mut self) -> Result<(), String> {
        while let Some(job) = self.queue.blocking_recv() {
            if self.stopping.load(Ordering::Acquire) {
                return Ok(());
            }
            let mut group = Group::default();
            let mut after = group.take(job);
            while after.is_none() && group.bytes < GROUP_BYTES {
                match self.queue.try_recv() {
                    Ok(job) => after = group.take(job),
                    Err(_) => break,
                }
            }
            self.engine.tell_time(crate::now_ms());
            self.commit(group)?;
            match after {
                Some(Job::DropRows { reply }) => self.drop_rows(reply)?,
                Some(Job::Collect { due, reply }) => {
                    let done = self.engine.collect(due).map_err(|error| error.to_string())?;
                    let _ = reply.send(done);
                }
                Some(Job::Barrier { reply }) => {
                    let _ = reply.send(());
                }
                Some(Job::Stop) => {
                    self.engine.close(FLUSH_TIME);
                    return Ok(());
                }
                Some(Job::Commit { .. }) | None => {}
            }
        }
        Ok(())
    }

    fn commit(&mut self, mut group: Group) -> Result<(), String> {
        self.engine.keep_free((self.kept_free)());
        let left = self.engine.free_space();
        if left.is_short() {
            group.refuse_what_takes_room(left);
        }
        self.engine.wrote(group.bytes as u64);
        if group.operations.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let outcomes = self.engine.commit(group.operations).map_err(|error| error.to_string())?;
        self.metrics.count(&outcomes, begun.elapsed());
        for (completion, outcome) in group.completions.into_iter().zip(outcomes) {
            completion.complete(Ok(outcome));
        }
        Ok(())
    }

    fn drop_rows(&mut self, reply: oneshot::Sender<bool>) -> Result<(), String> {
        let more =
            self.engine.drop_rows(DROPPED_ROWS_AT_ONCE).map_err(|error| error.to_string())?;
        let _ = reply.send(more);
        Ok(())
    }
}

#[derive(Default)]
struct Group {
    operations: Vec<Operation>,
    completions: Vec<Completion>,
    bytes: usize,
}

impl Group {
    /// Takes a write into the group, or gives back what has to be done after it.
    fn take(&mut self, job: Job) -> Option<Job> {
        match job {
            Job::Commit { operation, bytes, completion } => {
                self.operations.push(operation);
                self.completions.push(completion);
                self.bytes += bytes;
                None
            }
            other => Some(other),
        }
    }

    /// Answers the operations for which there is no room, and keeps the others.
    fn refuse_what_takes_room(&mut self, left: FreeSpace) {
        let operations = std::mem::take(&mut self.operations);
        let completions = std::mem::take(&mut self.completions);
        for (operation, completion) in operations.into_iter().zip(completions) {
            if operation.takes_room() {
                completion.complete(Err(WriteFailure::NoRoom(left)));
            } else {
                self.operations.push(operation);
                self.completions.push(completion);
            }
        }
    }
}

/// About how many bytes an operation writes.
fn size_bytes(operation: &Operation) -> usize {
    /// What keys, counters and framing come to.
    const FRAMING_BYTES: usize = 128;
    FRAMING_BYTES
        + match operation {
            Operation::Documents(write) => write
                .documents
                .iter()
                .map(|document| {
                    let bodies = document.bodies.iter().map(|body| body.body.as_bytes().len());
                    FRAMING_BYTES + document.tree.len() + bodies.sum::<usize>()
                })
                .sum(),
            Operation::Locals { writes, .. } => {
                writes.iter().map(|write| write.value.as_ref().map_or(0, Vec::len)).sum()
            }
            Operation::Chunk { bytes, .. } => bytes.len(),
            Operation::Upload(write) => match &write.step {
                UploadStep::Chunk { bytes, .. } => bytes.len(),
                _ => 0,
            },
            _ => 0,
        }
}
