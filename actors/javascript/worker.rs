//! A thread that runs JavaScript, and its door. It keeps the functions that it ran lately open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use refuge_http::Failure;
use refuge_sandbox::{Error, Functions, Limits, ViewSources, Views};
use tokio::sync::mpsc;

use super::cache::Cache;
use super::{DesignText, Lane, QUEUE_PATIENCE, SourceKey, too_many};
use crate::background_thread::stand_back;
use crate::unavailable;

/// Jobs that may wait for a thread.
const QUEUE_JOBS: usize = 64;
/// Design documents that a thread keeps open, of each kind: 200 KiB each when they rest.
const KEPT_OPEN: usize = 8;
/// What the sandbox asks for beside the stack of JavaScript itself.
const STACK_BESIDE_BYTES: usize = 512 * 1024;

/// A thread that stands back behind requests has a tenth of a processor where they leave no more: it has so many
/// times as long, so that it is its own work which counts.
const STOOD_BACK: u32 = 10;

/// What is done with open views, or why they are not open.
type RunViews = Box<dyn FnOnce(Result<&mut Views, Error>) + Send>;
/// What is done with open functions, or why they are not open.
type RunFunctions = Box<dyn FnOnce(Result<&mut Functions, Error>) + Send>;

/// One thing to run.
pub(super) enum Job {
    /// With the functions of an index.
    Views {
        /// Which.
        key: SourceKey,
        /// Their source.
        sources: Arc<ViewSources>,
        /// What to do.
        run: RunViews,
    },
    /// With the functions of a design document.
    Functions {
        /// Which.
        key: SourceKey,
        /// The design document.
        design: Arc<DesignText>,
        /// What to do.
        run: RunFunctions,
    },
}

/// The door of a thread.
#[derive(Clone)]
pub(super) struct Handle {
    jobs: mpsc::Sender<Job>,
    waiting: Arc<AtomicUsize>,
}

impl Handle {
    /// Jobs that wait or run.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Hands a job over. Who waits for a request's answer does not wait for long; an indexer does.
    pub(super) async fn send(&self, job: Job, lane: Lane) -> Result<(), Failure> {
        let place = self.jobs.reserve();
        let place = match lane {
            Lane::Indexing => place.await,
            Lane::Requests => {
                tokio::time::timeout(QUEUE_PATIENCE, place).await.map_err(|_| too_many())?
            }
        };
        let place = place.map_err(|_| unavailable())?;
        self.waiting.fetch_add(1, Ordering::Relaxed);
        place.send(job);
        Ok(())
    }
}

/// A running thread; dropping it ends the thread after the job under way.
pub struct Worker {
    handle: Handle,
    stopping: Arc<AtomicBool>,
}

impl Worker {
    /// Starts a thread; `ended` is told when it ends though it was not asked to.
    pub(super) fn start(
        name: &str,
        lane: Lane,
        ended: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE_JOBS);
        let handle = Handle { jobs, waiting: Arc::new(AtomicUsize::new(0)) };
        let stopping = Arc::new(AtomicBool::new(false));
        let (waiting, stop) = (Arc::clone(&handle.waiting), Arc::clone(&stopping));
        let times_by_the_clock = if lane == Lane::Indexing { STOOD_BACK } else { 1 };
        let limits = Limits { times_by_the_clock, ..Limits::default() };
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.stack_size(limits.stack_bytes + STACK_BESIDE_BYTES).spawn(move || {
            if lane == Lane::Indexing {
                stand_back();
            }
            // A panic in a job takes the thread along, and with it who waits for it.
            let mut end = End(Some(ended));
            let mut open = Open { views: Cache::new(KEPT_OPEN), functions: Cache::new(KEPT_OPEN) };
            while let Some(job) = queue.blocking_recv() {
                if stop.load(Ordering::Acquire) {
                    break;
                }
                open.run(job, &limits);
                waiting.fetch_sub(1, Ordering::Relaxed);
            }
            end.0 = None;
        })?;
        Ok(Self { handle, stopping })
    }

    /// Its door.
    pub(super) fn handle(&self) -> Handle {
        self.handle.clone()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
    }
}

/// Tells that a thread ended, unless it ended in order.
struct End<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for End<F> {
    fn drop(&mut self) {
        if let Some(ended) = self.0.take() {
            ended();
        }
    }
}

/// Runs `job` with the functions of a design document on a thread of its own, which ends with it.
pub(super) fn run_alone(
    name: &str,
    design: Arc<DesignText>,
    job: impl FnOnce(Result<&mut Functions, Error>) + Send + 'static,
) -> std::io::Result<()> {
    let limits = Limits::default();
    let thread = std::thread::Builder::new().name(name.to_owned());
    let thread = thread.stack_size(limits.stack_bytes + STACK_BESIDE_BYTES);
    thread.spawn(move || match Functions::open(&design.id, &design.text, limits) {
        Ok(mut functions) => job(Ok(&mut functions)),
        Err(error) => job(Err(error)),
    })?;
    Ok(())
}

/// What a thread has open.
struct Open {
    views: Cache<SourceKey, Views>,
    functions: Cache<SourceKey, Functions>,
}

impl Open {
    fn run(&mut self, job: Job, limits: &Limits) {
        match job {
            Job::Views { key, sources, run } => {
                let open = || Views::open(ViewSources::clone(&sources), limits.clone());
                self.views.with(key, open, run);
            }
            Job::Functions { key, design, run } => {
                let open = || Functions::open(&design.id, &design.text, limits.clone());
                self.functions.with(key, open, run);
            }
        }
    }
}
