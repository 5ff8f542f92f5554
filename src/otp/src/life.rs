//! One incarnation of an actor, from the moment it exists until nothing of it is left: neither its
//! task nor its state. Supervisors wait for that before they start the next one, monitors hear of it.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ractor::ActorCell;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::table::Place;

/// How an actor ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "exit", content = "reason")]
pub enum Exit {
    /// It stopped, by itself or because it was asked to; `post_stop` ran. This is a normal end.
    Stopped,
    /// A handler returned an error or panicked.
    Failed(String),
    /// It was killed.
    Killed,
    /// A supervisor that saw more failures than its intensity allows.
    GaveUp(String),
    /// It was gone before anyone watched it.
    Unknown,
}

impl Exit {
    /// Whether a transient child that ended so stays down.
    #[must_use]
    pub fn is_normal(&self) -> bool {
        matches!(self, Self::Stopped)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => formatter.write_str("stopped"),
            Self::Failed(reason) => write!(formatter, "failed: {reason}"),
            Self::Killed => formatter.write_str("killed"),
            Self::GaveUp(reason) => write!(formatter, "gave up: {reason}"),
            Self::Unknown => formatter.write_str("was not running"),
        }
    }
}

type Subscriber = Box<dyn FnOnce(Exit) + Send>;

/// The record of one incarnation, shared by all who watch it. There are as many as actors, so it is small.
pub(crate) struct Life {
    cell: ActorCell,
    place: Place,
    end: Mutex<Ended>,
    stop_requested: AtomicBool,
    /// Wakes whoever waits for the end, or for the request to stop.
    news: Notify,
}

/// How an actor ended, and until then who runs when it does.
enum Ended {
    NotYet(Vec<Subscriber>),
    Already(Exit),
}

impl Life {
    pub(crate) fn new(cell: ActorCell, place: Place) -> Arc<Self> {
        Arc::new(Self {
            cell,
            place,
            end: Mutex::new(Ended::NotYet(Vec::new())),
            stop_requested: AtomicBool::new(false),
            news: Notify::new(),
        })
    }

    pub(crate) fn cell(&self) -> &ActorCell {
        &self.cell
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&self) -> Option<Exit> {
        match &*self.lock() {
            Ended::NotYet(_) => None,
            Ended::Already(exit) => Some(exit.clone()),
        }
    }

    /// Waits until nothing of it is left.
    pub(crate) async fn gone(&self) -> Exit {
        self.until(|| self.ended()).await
    }

    /// Asks for an orderly stop; a supervisor in the middle of a restart hears it too.
    pub(crate) fn request_stop(&self) {
        self.stop_requested.store(true, Ordering::Release);
        self.news.notify_waiters();
        self.cell.stop(Some("shutdown".to_owned()));
    }

    pub(crate) fn is_stop_requested(&self) -> bool {
        self.stop_requested.load(Ordering::Acquire)
    }

    /// Waits for [`Life::request_stop`].
    pub(crate) async fn stop_requested(&self) {
        self.until(|| self.is_stop_requested().then_some(())).await
    }

    /// Waits until something is so that news are told of.
    async fn until<T>(&self, known: impl Fn() -> Option<T>) -> T {
        loop {
            // Hears of what is told from here on, so nothing is missed between the look and the wait.
            let news = self.news.notified();
            if let Some(known) = known() {
                return known;
            }
            news.await;
        }
    }

    /// Runs `subscriber` when the actor is gone, at once if it is.
    pub(crate) fn subscribe(&self, subscriber: Subscriber) {
        let mut end = self.lock();
        match &mut *end {
            Ended::NotYet(waiting) => waiting.push(subscriber),
            Ended::Already(exit) => {
                let exit = exit.clone();
                drop(end);
                subscriber(exit);
            }
        }
    }

    /// It has ended; only the first call counts. Gives who is to be told.
    pub(crate) fn end(&self, exit: &Exit) -> Watching<'_> {
        let mut end = self.lock();
        let waiting = match &mut *end {
            Ended::NotYet(waiting) => std::mem::take(waiting),
            Ended::Already(_) => return Watching { life: self, waiting: Vec::new() },
        };
        *end = Ended::Already(exit.clone());
        Watching { life: self, waiting }
    }

    fn lock(&self) -> MutexGuard<'_, Ended> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those who are to be told of an end, outside of any lock.
#[must_use]
pub(crate) struct Watching<'a> {
    life: &'a Life,
    waiting: Vec<Subscriber>,
}

impl Watching<'_> {
    pub(crate) fn tell(self, exit: &Exit) {
        self.life.news.notify_waiters();
        for subscriber in self.waiting {
            subscriber(exit.clone());
        }
    }
}
