//! The thread that writes to the indexes' database: one write after another, in the order in which they
//! were handed over. What the rows mean is not known here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use refuge_http::Failure;
use refuge_storage::{
    CommitError, IndexDefinition, IndexEngine, IndexOptions, IndexRecord, IndexStore, IndexWrite,
};
use tokio::sync::{mpsc, oneshot};

/// Writes that may wait, each of a megabyte or two: an indexer prepares the next while one is written.
const QUEUE_JOBS: usize = 4;
/// Rows of dropped indexes removed between two writes.
const DROPPED_ROWS_AT_ONCE: usize = 2_000;
/// Time for an ordered stop to write memory tables out.
const FLUSH_TIME: Duration = Duration::from_millis(500);

/// The engine of the indexes went down before it answered, or the index was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the index is being made anew or its engine is being restarted; try again in a moment")]
pub struct IndexWriteFailure;

impl From<IndexWriteFailure> for Failure {
    fn from(failure: IndexWriteFailure) -> Self {
        Self::Unavailable(failure.to_string())
    }
}

enum Job {
    Create { definition: IndexDefinition, reply: oneshot::Sender<IndexRecord> },
    Commit { write: IndexWrite, reply: oneshot::Sender<()> },
    Drop { record: IndexRecord, reply: oneshot::Sender<()> },
    DropRows { reply: oneshot::Sender<bool> },
    Stop,
}

/// The door of the writer's thread. Cheap to clone; of no use once its engine is gone.
#[derive(Clone)]
pub struct IndexWriter {
    jobs: mpsc::Sender<Job>,
}

impl IndexWriter {
    /// Makes an index without rows.
    pub async fn create(
        &self,
        definition: IndexDefinition,
    ) -> Result<IndexRecord, IndexWriteFailure> {
        self.ask(|reply| Job::Create { definition, reply }).await
    }

    /// Writes changes of an index.
    pub async fn commit(&self, write: IndexWrite) -> Result<(), IndexWriteFailure> {
        self.ask(|reply| Job::Commit { write, reply }).await
    }

    /// Takes an index out of the registry.
    pub async fn drop_index(&self, record: IndexRecord) -> Result<(), IndexWriteFailure> {
        self.ask(|reply| Job::Drop { record, reply }).await
    }

    /// Removes some rows of dropped indexes; tells whether more are left.
    pub async fn drop_rows(&self) -> Result<bool, IndexWriteFailure> {
        self.ask(|reply| Job::DropRows { reply }).await
    }

    async fn ask<R>(
        &self,
        job: impl FnOnce(oneshot::Sender<R>) -> Job,
    ) -> Result<R, IndexWriteFailure> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| IndexWriteFailure)?;
        answer.await.map_err(|_| IndexWriteFailure)
    }
}

/// The running thread; dropping it stops the thread, which closes the indexes.
pub struct WriterThread {
    stopping: Arc<AtomicBool>,
    jobs: mpsc::Sender<Job>,
    closed: Option<oneshot::Receiver<()>>,
}

impl WriterThread {
    /// Starts the thread; where there are indexes it returns when they are open, or why they are not.
    pub(super) async fn start(
        options: IndexOptions,
        store: Arc<OnceLock<IndexStore>>,
        failed: impl FnOnce(String) + Send + 'static,
    ) -> Result<(Self, IndexWriter), String> {
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS);
        let stopping = Arc::new(AtomicBool::new(false));
        let (closed_sender, closed) = oneshot::channel();
        let (opened_sender, opened) = oneshot::channel();
        let stop = Arc::clone(&stopping);
        let body = move || {
            let mut thread = Loop { options, store, engine: None, queue, stopping: stop };
            if IndexEngine::exists(&thread.options.path)
                && let Err(reason) = thread.open()
            {
                let _ = opened_sender.send(Err(reason));
                return;
            }
            let _ = opened_sender.send(Ok(()));
            let result = thread.run();
            drop(thread);
            let _ = closed_sender.send(());
            if let Err(reason) = result {
                failed(reason);
            }
        };
        let thread = std::thread::Builder::new().name("refuge-indexes".to_owned());
        thread.spawn(body).map_err(|error| error.to_string())?;
        opened.await.map_err(|_| "the indexes' thread ended".to_owned())??;
        let writer = IndexWriter { jobs: jobs.clone() };
        Ok((Self { stopping, jobs, closed: Some(closed) }, writer))
    }

    /// Writes what waits, closes the indexes, and returns when that is done.
    pub(super) async fn finish(mut self) {
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

struct Loop {
    options: IndexOptions,
    store: Arc<OnceLock<IndexStore>>,
    engine: Option<IndexEngine>,
    queue: mpsc::Receiver<Job>,
    stopping: Arc<AtomicBool>,
}

impl Loop {
    /// The engine, opened now where it is not yet.
    fn open(&mut self) -> Result<&mut IndexEngine, String> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                let engine = IndexEngine::open(self.options.clone());
                let engine = engine.map_err(|error| error.to_string())?;
                let _ = self.store.set(engine.store());
                engine
            }
        };
        Ok(self.engine.insert(engine))
    }

    /// Runs until told to stop; an error means that the engine is of no more use.
    fn run(&mut self) -> Result<(), String> {
        while let Some(job) = self.queue.blocking_recv() {
            if self.stopping.load(Ordering::Acquire) {
                return Ok(());
            }
            if matches!(job, Job::Stop) {
                if let Some(engine) = self.engine.take() {
                    engine.close(FLUSH_TIME);
                }
                return Ok(());
            }
            self.carry_out(job).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn carry_out(&mut self, job: Job) -> Result<(), JobError> {
        if matches!(job, Job::DropRows { .. }) && self.engine.is_none() {
            let Job::DropRows { reply } = job else { return Ok(()) };
            let _ = reply.send(false);
            return Ok(());
        }
        let engine = self.open().map_err(JobError::Open)?;
        match job {
            Job::Create { definition, reply } => {
                let _ = reply.send(engine.create(&definition)?);
            }
            Job::Commit { write, reply } => {
                // Where the index was dropped nobody is answered, and whoever waits looks for it anew.
                if engine.commit(write)? {
                    let _ = reply.send(());
                }
            }
            Job::Drop { record, reply } => {
                engine.drop_index(&record)?;
                let _ = reply.send(());
            }
            Job::DropRows { reply } => {
                let _ = reply.send(engine.drop_rows(DROPPED_ROWS_AT_ONCE)?);
            }
            Job::Stop => {}
        }
        Ok(())
    }
}

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
enum JobError {
    #[error("{0}")]
    Open(String),
    #[error(transparent)]
    Commit(#[from] CommitError),
}
