//! The writer's thread: takes what callers send, gathers all that waits into one group, commits it
//! with one sync, and answers each caller after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use refuge_failpoints::{Failpoint, pass};
use refuge_storage::Engine;
use tokio::sync::{mpsc, oneshot};

use super::group::{Group, Job};
use super::{Writer, WriterMetrics};

/// Operations that may wait; a caller beyond it waits outside, and shards have limits of their own.
const QUEUE_JOBS: usize = 1024;
/// Rows of dropped databases removed between two groups.
const DROPPED_ROWS_AT_ONCE: usize = 2_000;
/// Documents of databases of an earlier version that are looked at between two groups; of a tombstone its
/// body, too.
const NOTED_DOCUMENTS_AT_ONCE: usize = 500;

/// Time for an ordered stop to write memory tables out, so that the next start has nothing to replay.
const FLUSH_TIME: Duration = Duration::from_millis(1_000);

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
            while after.is_none() && !group.is_full() {
                match self.queue.try_recv() {
                    Ok(job) => after = group.take(job),
                    Err(_) => break,
                }
            }
            self.engine.tell_time(crate::now_ms());
            self.commit(group)?;
            match after {
                // Where nothing can be written these wait too: they are not answered.
                Some(Job::DropRows { .. } | Job::Collect { .. })
                    if self.engine.free_space().is_exhausted() => {}
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
            // After the answers: whoever waits for one does not wait for this.
            self.engine.maintain();
        }
        Ok(())
    }

    fn commit(&mut self, mut group: Group) -> Result<(), String> {
        self.engine.keep_free((self.kept_free)());
        group.refuse_without_room(self.engine.free_space());
        self.engine.wrote(group.bytes as u64);
        if group.operations.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        let outcomes = self.engine.commit(group.operations).map_err(|error| error.to_string())?;
        self.metrics.count(&outcomes, begun.elapsed());
        for (place, (completion, outcome)) in
            group.completions.into_iter().zip(outcomes).enumerate()
        {
            if place == 1 {
                pass(Failpoint::ReplyGiven);
            }
            completion.complete(Ok(outcome));
        }
        pass(Failpoint::RepliesEnd);
        Ok(())
    }

    fn drop_rows(&mut self, reply: oneshot::Sender<bool>) -> Result<(), String> {
        let failed = |error: refuge_storage::CommitError| error.to_string();
        let dropping = self.engine.drop_rows(DROPPED_ROWS_AT_ONCE).map_err(failed)?;
        self.raise_format();
        let noting = self.engine.note_documents(NOTED_DOCUMENTS_AT_ONCE).map_err(failed)?;
        let _ = reply.send(dropping || noting);
        Ok(())
    }

    /// Data of an earlier version gets the newest format when that version will not come back.
    fn raise_format(&mut self) {
        match self.engine.raise_format() {
            Ok(true) => tracing::info!("the stored data has this version's format from now on"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the stored data keeps its format for now"),
        }
    }
}
