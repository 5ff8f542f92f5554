//! The thread that writes to the indexes' database: one write after another, in the order in which they
//! were handed over. What the rows mean is not known here.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use refuge_http::Failure;
use refuge_storage::{
    CommitError, IndexDefinition, IndexEngine, IndexOptions, IndexRecord, IndexStore, IndexWrite,
    OpenError,
};
use tokio::sync::{mpsc, oneshot};

use crate::background_thread::stand_back;

/// Writes that may wait, each of a megabyte or two: an indexer prepares the next while one is written.
const QUEUE_JOBS: usize = 4;
/// Rows of dropped indexes removed between two writes.
const DROPPED_ROWS_AT_ONCE: usize = 2_000;
/// Time for an ordered stop to write memory tables out.
const FLUSH_TIME: Duration = Duration::from_millis(500);

/// Why something was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexWriteFailure {
    /// The engine of the indexes went down before it answered, or the index was dropped.
    #[error("the index is being made anew or its engine is being restarted; try again in a moment")]
    Unknown,
    /// The disk is nearly full, and what is left of it is for the documents.
    #[error(
        "the disk is nearly full, so no index grows; make room on the file system of var/indexes, or lower \
         storage.free_bytes_least"
    )]
    NoRoom,
}

impl From<IndexWriteFailure> for Failure {
    fn from(failure: IndexWriteFailure) -> Self {
        match failure {
            IndexWriteFailure::Unknown => Self::Unavailable(failure.to_string()),
            IndexWriteFailure::NoRoom => Self::InsufficientStorage(failure.to_string()),
        }
    }
}

/// What an answer is given through.
type Reply<R> = oneshot::Sender<Result<R, IndexWriteFailure>>;

enum Job {
    Create { definition: IndexDefinition, reply: Reply<IndexRecord> },
    Commit { write: IndexWrite, reply: Reply<()> },
    Drop { record: IndexRecord, reply: Reply<()> },
    DropRows { reply: Reply<bool> },
    Barrier { reply: Reply<()> },
    Rest,
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

    /// Waits until all that was handed over before is written.
    pub async fn barrier(&self) -> Result<(), IndexWriteFailure> {
        self.ask(|reply| Job::Barrier { reply }).await
    }

    /// Lets memory go where nothing was written since this was called before.
    pub(super) fn rest(&self) {
        // Where the queue is full there is no rest.
        let _ = self.jobs.try_send(Job::Rest);
    }

    async fn ask<R>(&self, job: impl FnOnce(Reply<R>) -> Job) -> Result<R, IndexWriteFailure> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(job(reply)).await.map_err(|_| IndexWriteFailure::Unknown)?;
        answer.await.unwrap_or(Err(IndexWriteFailure::Unknown))
    }
}

/// The running thread; dropping it stops the thread, which closes the indexes.
pub(super) struct WriterThread {
    stopping: Arc<AtomicBool>,
    jobs: mpsc::Sender<Job>,
    closed: Option<oneshot::Receiver<()>>,
}

impl WriterThread {
    /// Starts the thread; where there are indexes it returns when they are open. Where they cannot be opened
    /// now (the disk is full, say) that is tried again at each job. `room` tells whether indexes may grow.
    pub(super) async fn start(
        options: IndexOptions,
        store: Arc<OnceLock<IndexStore>>,
        room: impl Fn() -> bool + Send + 'static,
        failed: impl FnOnce(String) + Send + 'static,
    ) -> Result<(Self, IndexWriter), String> {
        let (jobs, queue) = mpsc::channel(QUEUE_JOBS);
        let stopping = Arc::new(AtomicBool::new(false));
        let (closed_sender, closed) = oneshot::channel();
        let (opened_sender, opened) = oneshot::channel();
        let stop = Arc::clone(&stopping);
        let body = move || {
            stand_back();
            // Told however the thread ends, also by a panic.
            let mut end = End { failed: Some(failed), reason: "its thread panicked".to_owned() };
            let room = Box::new(room);
            let mut thread =
                Loop { options, store, engine: None, queue, stopping: stop, room, wrote: false };
            if IndexEngine::exists(&thread.options.path)
                && let Err(error) = thread.open()
            {
                tracing::warn!(%error, "the indexes cannot be opened now; it is tried again when they are needed");
            }
            let _ = opened_sender.send(());
            let result = thread.run();
            drop(thread);
            let _ = closed_sender.send(());
            match result {
                Ok(()) => end.failed = None,
                Err(reason) => end.reason = reason,
            }
        };
        let thread = std::thread::Builder::new().name("refuge-indexes".to_owned());
        thread.spawn(body).map_err(|error| error.to_string())?;
        opened.await.map_err(|_| "the indexes' thread ended".to_owned())?;
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

/// Says why a thread ended, unless it ended in order.
struct End<F: FnOnce(String)> {
    failed: Option<F>,
    reason: String,
}

impl<F: FnOnce(String)> Drop for End<F> {
    fn drop(&mut self) {
        if let Some(failed) = self.failed.take() {
            failed(std::mem::take(&mut self.reason));
        }
    }
}

struct Loop {
    options: IndexOptions,
    store: Arc<OnceLock<IndexStore>>,
    engine: Option<IndexEngine>,
    queue: mpsc::Receiver<Job>,
    stopping: Arc<AtomicBool>,
    room: Box<dyn Fn() -> bool>,
    /// Something was written since the last rest.
    wrote: bool,
}

impl Loop {
    /// The engine, opened now where it is not yet.
    fn open(&mut self) -> Result<&mut IndexEngine, OpenError> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                let engine = IndexEngine::open(self.options.clone())?;
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
            match job {
                Job::Stop => {
                    if let Some(engine) = self.engine.take() {
                        engine.close(FLUSH_TIME);
                    }
                    return Ok(());
                }
                Job::Barrier { reply } => {
                    let _ = reply.send(Ok(()));
                }
                Job::Rest => self.rest()?,
                Job::DropRows { reply } if self.engine.is_none() => {
                    let _ = reply.send(Ok(false));
                }
                Job::Create { reply, .. } if !(self.room)() => {
                    let _ = reply.send(Err(IndexWriteFailure::NoRoom));
                }
                Job::Commit { reply, .. } if !(self.room)() => {
                    let _ = reply.send(Err(IndexWriteFailure::NoRoom));
                }
                job => self.carry_out(job)?,
            }
        }
        Ok(())
    }

    fn rest(&mut self) -> Result<(), String> {
        match &self.engine {
            Some(engine) if !std::mem::take(&mut self.wrote) => {
                engine.rest().map_err(|error| error.to_string())
            }
            _ => Ok(()),
        }
    }

    fn carry_out(&mut self, job: Job) -> Result<(), String> {
        self.wrote = true;
        let engine = match self.open() {
            Ok(engine) => engine,
            // Whoever waits hears that it is to be tried again.
            Err(error) => {
                tracing::warn!(%error, "the indexes cannot be opened");
                return Ok(());
            }
        };
        if let Err(error) = write(engine, job) {
            engine.condemn(&error);
            return Err(error.to_string());
        }
        Ok(())
    }
}

fn write(engine: &mut IndexEngine, job: Job) -> Result<(), CommitError> {
    match job {
        Job::Create { definition, reply } => {
            let _ = reply.send(Ok(engine.create(&definition)?));
        }
        Job::Commit { write, reply } => {
            // Where the index was dropped nobody is answered, and whoever waits looks for it anew.
            if engine.commit(write)? {
                let _ = reply.send(Ok(()));
            }
        }
        Job::Drop { record, reply } => {
            engine.drop_index(&record)?;
            let _ = reply.send(Ok(()));
        }
        Job::DropRows { reply } => {
            let _ = reply.send(Ok(engine.drop_rows(DROPPED_ROWS_AT_ONCE)?));
        }
        Job::Barrier { .. } | Job::Rest | Job::Stop => {}
    }
    Ok(())
}
